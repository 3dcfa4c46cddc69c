import { spawn } from 'node:child_process'
import { once } from 'node:events'
import postgres from 'postgres'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { fillOlderLedger, migrateToOlderLedger } from '../../support/postgres/older-ledger.ts'
import { scorekeeper, scorekeeperArgs, scorekeeperFolder } from '../../support/scorekeeper.ts'
import { addressOf, kill, logOf, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const folder = useFolder()
let database: TestDatabase
let sql: postgres.Sql

beforeEach(async () => {
  database = await createTestDatabase({ migrated: false })
  sql = postgres(database.url, { max: 1, onnotice() {} })
})

afterEach(async () => {
  await sql.end()
  await database.drop()
})

const count = async (table: string): Promise<number> => {
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from ${sql(table)}`
  return row?.n ?? 0
}

it('scorekeeper migrate prepares a new database, and says so again when there is nothing to do', async () => {
  const { host } = new URL(database.url)
  const done = { code: 0, out: `the Postgres at ${host} has all migrations\n`, err: '' }
  expect(await scorekeeper(['migrate'], { DATABASE_URL: database.url })).toEqual(done)
  expect(await count('rollouts')).toBe(0)
  expect(await scorekeeper(['migrate'], { DATABASE_URL: database.url })).toEqual(done)
})

it('scorekeeper migrate, killed while it takes over an older ledger, resumes with the same command', async () => {
  await migrateToOlderLedger(database.url, folder)
  await fillOlderLedger(sql, 5_000, 4)
  const { PATH = '' } = process.env
  const env = { PATH, DATABASE_URL: database.url, NODE_ENV: 'production' }
  const child = spawn(process.execPath, scorekeeperArgs('migrate'), { cwd: scorekeeperFolder, env })
  await once(child.stderr, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  const left = await count('before_runs.tool_calls')
  expect(left).toBeGreaterThan(0)
  const { code, out, err } = await scorekeeper(['migrate'], { DATABASE_URL: database.url })
  expect([code, err]).toEqual([0, expect.stringContaining('taking over the ledger’s rows …')])
  expect(out).toMatch(/has all migrations; \d+ rows of the ledger were taken over\n$/u)
  expect([await count('rollouts'), await count('tool_calls')]).toEqual([5_000, 20_000])
}, 60_000)

it('a server that starts takes over an older ledger first, and logs how far it is', async () => {
  await migrateToOlderLedger(database.url, folder)
  await fillOlderLedger(sql, 50, 4)
  const server = spawnServer(folder, { DATABASE_URL: database.url, PORT: '0' })
  const address = await addressOf(server)
  const lines = logOf(server)
  const last = lines.filter((line) => line['code'] === 'takeover').at(-1)
  const total = 50 + 50 + 200 + (await count('grades'))
  expect(last).toMatchObject({
    level: 'info',
    done: total,
    total,
    msg: `taking over the ledger's rows: ${total} of ${total} (100 %)`,
  })
  expect((await fetch(`${address}/readyz`)).status).toBe(200)
  expect(await count('tool_calls')).toBe(200)
  await kill(server)
}, 60_000)

it('scorekeeper migrate fails with one line that names what uses the older tables', async () => {
  await migrateToOlderLedger(database.url, folder)
  await sql`create view worst as select id from rollouts`
  const { code, err } = await scorekeeper(['migrate'], { DATABASE_URL: database.url })
  expect([code, err.split('\n').length]).toEqual([1, 2])
  expect(err).toContain('view worst. Drop it and start again')
})
