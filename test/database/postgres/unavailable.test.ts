import { sql as query } from 'drizzle-orm'
import foreign from 'postgres'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { DatabaseTimeout, isUnavailable, openDatabase } from '../../../src/postgres/database.ts'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall, toolWith } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const failureOf = (work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(work).then(
    () => 'no failure',
    (error: unknown) => error,
  )
const withCode = (code: string) => Object.assign(new Error(code), { code })
const closedPort = 'postgres://nobody@127.0.0.1:1/none'

/** Runs one query with a tool's own Postgres client. */
async function askForeign(url: string, text: string): Promise<unknown> {
  const client = foreign(url, { max: 1, onnotice() {} })
  try {
    return await client.begin(async (tx) => [await tx`set local statement_timeout = 50`, await tx.unsafe(text)])
  } finally {
    await client.end({ timeout: 1 })
  }
}

const ownFailures: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['a fetch from a closed port', () => fetch('http://127.0.0.1:1/')],
  ['a fetch from a host without an address', () => fetch('http://nowhere.invalid/')],
  ['a wrapped connection error', async () => Promise.reject(new Error('no', { cause: withCode('ETIMEDOUT') }))],
  ['several connection errors', () => Promise.any([Promise.reject(withCode('ECONNRESET'))])],
  ['a broken pipe', () => Promise.reject(withCode('EPIPE'))],
  ['an error with a Postgres code', () => Promise.reject(withCode('57P01'))],
  ['an error with a driver code', () => Promise.reject(withCode('CONNECTION_CLOSED'))],
  ['the tool’s own Postgres client without a server', () => askForeign(closedPort, 'select 1')],
  ['a statement of such a client that was cancelled', () => askForeign(database.url, 'select pg_sleep(10)')],
]

describe('a network failure of a tool’s own', () => {
  it.each(ownFailures)('is answered as the tool’s failure, with all kinds of effects: %s', async (name, fail) => {
    const tools = (['none', 'database', 'external'] as const).map((effects) => {
      const common = { name: effects, description: 'Fails.', input: z.object({}) }
      const run = async () => String(await fail())
      return toolWith(effects, { ...common, run })
    })
    const app = testApp(database, { tools })
    for (const tool of ['none', 'database', 'external']) {
      const { status, body } = await post(app, `/tools/${tool}`, toolCall(tool, `own ${name}`, tool))
      expect([tool, status, body.error?.code]).toEqual([tool, 500, 'tool_failed'])
    }
  })

  it.each(ownFailures)('is answered as the grader’s failure: %s', async (name, fail) => {
    const grade = async () => Number(await fail())
    const app = testApp(database, { graders: [defineGrader({ name: 'asks', version: '1', grade })] })
    const { status, body } = await post(app, '/grade', gradingOf(`graded ${name}`, 'x'))
    expect([status, body.error?.code]).toEqual([500, 'grader_failed'])
  })

  it('is distinguished from a failure of the server’s database through `db`', async () => {
    const gone = openDatabase({ url: closedPort, poolSize: 1 })
    const tool = defineTool({
      ...{ name: 'reads', description: 'Reads.', input: z.object({}), effects: 'none' },
      run: async () => String(await gone.db.execute(query`select 1`)),
    })
    const app = testApp(database, { tools: [tool] })
    const { status, body } = await post(app, '/tools/reads', toolCall('reads', 'through db', 'a'))
    expect([status, body.error?.code]).toEqual([503, 'database_unavailable'])
    await gone.close()
  })
})

describe('an error of the server’s database', () => {
  const raised = (code: string) =>
    failureOf(database.sql.unsafe(`do $$ begin raise exception using errcode = '${code}'; end $$`))

  it.each(['57P01', '57P03', '53300', '53100', '53200', '08006', '55P03', '57014', '58030', '25006'])(
    'counts as unavailable if its code is %s, also as a cause and in an AggregateError',
    async (code) => {
      const error = await raised(code)
      expect(error).toSatisfy(isUnavailable)
      expect(new Error('wrapped', { cause: error })).toSatisfy(isUnavailable)
      expect(new AggregateError([new Error('other'), error])).toSatisfy(isUnavailable)
      expect(
        await failureOf(
          database.db.execute(query.raw(`do $$ begin raise exception using errcode = '${code}'; end $$`)),
        ),
      ).toSatisfy(isUnavailable)
    },
  )

  it.each(['23505', '42601', 'XX000', '40001', 'P0001'])('does not when its code is %s', async (code) => {
    expect(await raised(code)).not.toSatisfy(isUnavailable)
  })

  it('counts as unavailable if there is no connection, and if it timed out', async () => {
    const gone = openDatabase({ url: closedPort, poolSize: 1 })
    const failures = [gone.sql`select 1`, gone.sql.begin((tx) => tx`select 1`), gone.db.transaction(async () => 1)]
    for (const failure of await Promise.all(failures.map(failureOf))) expect(failure).toSatisfy(isUnavailable)
    await gone.close()
    expect(await failureOf(gone.sql`select 1`)).toSatisfy(isUnavailable)
    expect(new DatabaseTimeout('late')).toSatisfy(isUnavailable)
  })
})

describe('a database with another default isolation level', () => {
  it.each(['repeatable read', 'serializable'])('runs transactions as read committed if it is %s', async (level) => {
    const [row] = await database.sql<{ name: string }[]>`select current_database() as name`
    await database.sql.unsafe(`alter database ${row?.name} set default_transaction_isolation = '${level}'`)
    const fresh = openDatabase({ url: database.url, poolSize: 1 })
    const shown = query`select current_setting('transaction_isolation') as level`
    const levels = [
      await fresh.sql.begin((tx) => tx`select current_setting('transaction_isolation') as level`),
      await fresh.sql.begin('read only', (tx) => tx`select current_setting('transaction_isolation') as level`),
      await fresh.db.transaction((tx) => tx.execute(shown)),
      await fresh.sql.begin(
        'isolation level repeatable read read only',
        (tx) => tx`select current_setting('transaction_isolation') as level`,
      ),
      await fresh.db.transaction((tx) => tx.execute(shown), { isolationLevel: 'serializable' }),
    ].map(([found]) => found?.['level'])
    expect(levels).toEqual(['read committed', 'read committed', 'read committed', 'repeatable read', 'serializable'])
    await fresh.close()
  })
})
