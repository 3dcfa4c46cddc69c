import { sql as query } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Database, openDatabase } from '../../../src/postgres/database.ts'
import { defineGrader, defineTool, gate, gradingOf, open, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const home = useDatabase()
let setup: Database

beforeAll(async () => {
  setup = open(home.url)
  await setup.sql`create table shelf (name text primary key, amount int)`
  await setup.sql`insert into shelf values ('a', 0), ('b', 0), ('counted', 0)`
})

afterAll(async () => {
  await setup.close()
})

const one = defineGrader({ name: 'one', version: '1', grade: () => 1 })

describe.each(['repeatable read', 'serializable'])('a database whose default isolation is %s', (level) => {
  let database: Database

  beforeAll(async () => {
    const [row] = await setup.sql<{ name: string }[]>`select current_database() as name`
    await setup.sql.unsafe(`alter database ${row?.name} set default_transaction_isolation = '${level}'`)
    await setup.sql`update shelf set amount = 0`
    database = openDatabase({ url: home.url, poolSize: 10 })
    expect(await database.sql`show default_transaction_isolation`).toEqual([{ default_transaction_isolation: level }])
  })

  afterAll(() => database.close())

  it('answers concurrent calls and gradings of a rollout like any other, with all kinds of effects', async () => {
    const head = { description: 'D.', input: z.object({}) }
    const add = query`update shelf set amount = amount + 1 where name = 'counted'`
    const tools = [
      defineTool({ ...head, name: 'none', effects: 'none', run: () => 'ok' }),
      defineTool({ ...head, name: 'external', effects: 'external', run: () => 'ok' }),
      defineTool({
        ...head,
        name: 'database',
        effects: 'database',
        run: async ({ tx }) => {
          await tx.execute(add)
          return 'ok'
        },
      }),
    ]
    const replicas = [1, 2].map(() => testApp(database, { tools, graders: [one], budget: undefined }))
    const calls = Array.from({ length: 60 }, (_, n) => {
      const tool = ['none', 'database', 'external'][n % 3] ?? ''
      return post(
        replicas[n % 2] ?? testApp(database),
        `/tools/${tool}`,
        toolCall(tool, `busy-${level}-${n % 2}`, `c${n}`),
      )
    })
    const gradings = Array.from({ length: 20 }, (_, n) =>
      post(replicas[n % 2] ?? testApp(database), '/grade', gradingOf(`graded-${level}`, `sample ${n % 4}`)),
    )
    const answers = await Promise.all([...calls, ...gradings])
    expect(answers.filter(({ status }) => status !== 200).map(({ text }) => text)).toEqual([])
    const seqs = await setup.sql`
      select rollout_id, array_agg(seq order by seq) = array(select generate_series(1, 30)) as "gapFree"
      from ledger.calls where rollout_id like ${`busy-${level}%`} group by 1`
    expect(seqs.map(({ gapFree }) => gapFree)).toEqual([true, true])
    expect(await setup.sql`select amount from shelf where name = 'counted'`).toEqual([{ amount: 20 }])
  })
})

describe('two calls whose transactions wait for each other', () => {
  it('both take effect once: the one that Postgres rolls back runs again', async () => {
    const runs: string[] = []
    const gates = { a: gate(), b: gate() }
    const move = defineTool({
      ...{
        name: 'move',
        description: 'Moves.',
        input: z.object({ first: z.enum(['a', 'b']), second: z.enum(['a', 'b']) }),
      },
      effects: 'database',
      async run({ input: { first, second }, tx }) {
        runs.push(first)
        await tx.execute(query`update shelf set amount = amount + 1 where name = ${first}`)
        // Each holds its first row before either asks for its second; a second run passes the open gate.
        await gates[first].pass()
        await tx.execute(query`update shelf set amount = amount + 10 where name = ${second}`)
        return first
      },
    })
    await setup.sql`update shelf set amount = 0`
    const app = testApp(setup, { tools: [move] })
    const calls = [
      post(app, '/tools/move', toolCall('move', 'lock-a', 'a', { first: 'a', second: 'b' })),
      post(app, '/tools/move', toolCall('move', 'lock-b', 'b', { first: 'b', second: 'a' })),
    ]
    await Promise.all([gates.a.reached, gates.b.reached])
    gates.a.open()
    gates.b.open()
    const answers = await Promise.all(calls)
    expect(answers.map(({ status, body }) => [status, body.output])).toEqual([
      [200, 'a'],
      [200, 'b'],
    ])
    expect(runs).toHaveLength(3)
    expect(await setup.sql`select amount from shelf where name in ('a', 'b')`).toEqual([{ amount: 11 }, { amount: 11 }])
  })
})
