import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Database, openDatabase } from '../../../../src/postgres/database.ts'
import { type Embedded, startEmbedded } from '../../../../src/postgres/embedded/embedded.ts'
import { migrate } from '../../../../src/postgres/migrate.ts'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../../support/app.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()
let embedded: Embedded
let database: Database
const frozen: number[] = []

beforeAll(async () => {
  embedded = await startEmbedded({ dir: join(folder, 'data'), bases: [join(folder, 'bases')], durable: false })
  await migrate(embedded.url)
  database = openDatabase({ url: embedded.url, poolSize: 4, silence: { sql: 0.5, db: 0.5 } })
})

afterEach(thaw)

afterAll(async () => {
  await database.close()
  await embedded.stop()
})

/** Suspends all processes of Postgres: the kernel still accepts connections, but no query is answered. */
async function freeze(): Promise<void> {
  const [postmaster] = await database.sql`select split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int as pid`
  const others = await database.sql`select pid from pg_stat_activity`
  for (const { pid } of [postmaster, ...others].map((row) => z.object({ pid: z.int().positive() }).parse(row))) {
    process.kill(pid, 'SIGSTOP')
    frozen.push(pid)
  }
}

function thaw(): void {
  for (const pid of frozen.splice(0)) process.kill(pid, 'SIGCONT')
}

describe('a server whose database is frozen', () => {
  it('answers every call and grading with a 503 that may be retried, and recovers by itself', async () => {
    const head = { description: 'D.', input: z.object({}) }
    const tools = [
      defineTool({ ...head, name: 'none', effects: 'none', run: () => 'none' }),
      defineTool({ ...head, name: 'database', effects: 'database', run: async () => 'database' }),
      defineTool({ ...head, name: 'external', effects: 'external', run: () => 'external' }),
    ]
    const graders = [defineGrader({ name: 'one', version: '1', grade: () => 1 })]
    const app = testApp(database, { tools, graders, limits: { leaseSeconds: 2 } })
    const calls = Array.from({ length: 60 }, (_, n) => {
      const kind = (['none', 'database', 'external'] as const)[n % 3] ?? 'none'
      return () => post(app, `/tools/${kind}`, toolCall(kind, `frozen-${n % 10}`, `c${n}`))
    })
    const gradings = Array.from({ length: 10 }, (_, n) => () => post(app, '/grade', gradingOf(`frozen-${n}`, 'x')))
    expect((await post(app, '/tools/none', toolCall('none', 'before', 'a'))).status).toBe(200)

    await freeze()
    for (const { status, body, headers } of await Promise.all([...calls, ...gradings].map((ask) => ask()))) {
      expect([status, body.error?.code]).toEqual([503, 'database_unavailable'])
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await app.request('/healthz')).status).toBe(200)
    expect((await app.request('/readyz')).status).toBe(503)

    thaw()
    await expect.poll(async () => (await app.request('/readyz')).status, { timeout: 10_000 }).toBe(200)
    for (const ask of calls) {
      await expect.poll(async () => (await ask()).status, { timeout: 15_000 }).toBe(200)
    }
    for (const ask of gradings) {
      await expect.poll(async () => (await ask()).body.score, { timeout: 15_000 }).toBe(1)
    }
    const [counted] = await database.sql`
      select count(*)::int as calls, count(distinct call_id)::int as ids, bool_and(outcome = 'ok') as ok from ledger.calls
      where rollout_id like 'frozen-%'`
    expect(counted).toEqual({ calls: 60, ids: 60, ok: true })
  })
})
