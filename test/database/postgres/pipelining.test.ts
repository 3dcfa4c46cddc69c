import type { TransactionSql } from 'postgres'
import { afterAll, describe, expect, it } from 'vitest'
import { execute, executeJoined } from '../../../src/ledger/statement.ts'
import { openDatabase } from '../../../src/postgres/database.ts'
import { useDatabase } from '../../support/database.ts'

const home = useDatabase({ migrated: false })
const { sql, close } = openDatabase({ url: home.url, poolSize: 1, name: 'one connection' })
afterAll(close)

const early = 'early isolation level read committed'
const joined = (tx: TransactionSql, text: string, ...values: string[]) => executeJoined(tx, { text, values })
const last = (tx: TransactionSql, text: string, ...values: string[]) => execute(tx, { text, values })
const messageOf = (work: Promise<unknown>) => work.then(String, (error: unknown) => String(error))
const noted = async () => (await sql<{ what: string }[]>`select what from notes order by what`).map(({ what }) => what)

const insertion = 'insert into notes values ($1::text) returning what'
const division = 'select 1 / $1::text::int'

describe('statements that are answered together', () => {
  it('have the answers in order, also when they are prepared for the first time', async () => {
    await sql`create table notes (what text primary key)`
    for (const turn of ['a', 'b', 'c']) {
      const answers = await sql.begin(early, (tx) =>
        Promise.all([
          joined(tx, insertion, `${turn}1`),
          joined(tx, 'select generate_series(1, $1::text::int) as n', '3'),
          last(tx, 'select count(*)::int from notes where what like $1::text', `${turn}%`),
        ]),
      )
      expect(answers).toEqual([[{ what: `${turn}1` }], [{ n: 1 }, { n: 2 }, { n: 3 }], [{ count: 1 }]])
    }
    expect(await noted()).toEqual(['a1', 'b1', 'c1'])
  })

  it('fail together if one of them fails, whose transaction is rolled back', async () => {
    await sql.begin(early, (tx) => joined(tx, division, '1'))
    for (const _turn of [1, 2, 3]) {
      const messages = sql.begin(early, async (tx) => {
        const work = [joined(tx, insertion, 'x'), joined(tx, division, '0'), joined(tx, insertion, 'y')]
        const answers = await Promise.all([...work, last(tx, 'select 1')].map(messageOf))
        throw new Error(answers.join('; '))
      })
      const failure = 'PostgresError: division by zero'
      await expect(messages).rejects.toThrow(`[object Object]; ${failure}; ${failure}; ${failure}`)
    }
    expect(await noted()).toEqual(['a1', 'b1', 'c1'])
  })

  it('commit nothing if one of them fails right before the commit, and leave the connection free', async () => {
    for (const _turn of [1, 2, 3]) {
      const failing = await sql.begin(early, async (tx) => {
        const answers = [joined(tx, insertion, 'x'), joined(tx, division, '0'), joined(tx, insertion, 'y')]
        for (const answer of answers) answer.catch(() => undefined)
        return { answers }
      })
      const results = await Promise.allSettled(failing.answers)
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
      expect(await sql`select pg_current_xact_id_if_assigned() as in_transaction`).toEqual([{ in_transaction: null }])
    }
    expect(await noted()).toEqual(['a1', 'b1', 'c1'])
  })

  it('may be larger than what a socket takes at once', async () => {
    const large = 'x'.repeat(3_000_000)
    const rows = await sql.begin(early, (tx) =>
      Promise.all([
        joined(tx, 'select length($1::text) as length', large),
        joined(tx, 'select length($1::text) as length', large),
        last(tx, 'select length($1::text) as length', large),
      ]),
    )
    expect(rows).toEqual([[{ length: large.length }], [{ length: large.length }], [{ length: large.length }]])
  })

  it('are skipped if the begin fails, so that they take no effect outside of a transaction', async () => {
    await sql.begin(early, (tx) => Promise.all([joined(tx, insertion, 'd1'), last(tx, 'select 1')]))
    const cancelled = sql.begin('early isolation level read committed isolation level bogus', (tx) =>
      Promise.all([joined(tx, insertion, 'outside'), last(tx, insertion, 'outside too')]),
    )
    await expect(cancelled).rejects.toThrow('syntax error')
    expect(await noted()).toEqual(['a1', 'b1', 'c1', 'd1'])
  })

  it('have their connection back when a statement of it was prepared under other types', async () => {
    const reading = (tx: TransactionSql) =>
      Promise.all([joined(tx, 'select * from notes where what = $1::text', 'a1'), last(tx, 'select 1')])
    await sql.begin(early, reading)
    await sql`alter table notes add column more int`
    await expect(sql.begin(early, reading)).rejects.toThrow('cached plan must not change result type')
    expect((await sql.begin(early, reading))[0]).toEqual([{ what: 'a1', more: null }])
  })
})

describe('a statement that fails after some of its rows', () => {
  it('leaves none of them in the answer to the next statement', async () => {
    await expect(sql`select 1 / (3 - n) from generate_series(1, 5) n`).rejects.toThrow('division by zero')
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  })
})
