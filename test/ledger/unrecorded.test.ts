import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../src/database.ts'
import type { CallRecord } from '../../src/ledger/call.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { createUnrecorded } from '../../src/running/unrecorded.ts'
import { keepingLog, open } from '../support/app.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let home: TestDatabase
let database: Database

beforeAll(async () => {
  home = await createTestDatabase()
  database = open(home.url)
})

afterAll(async () => {
  await database.close()
  await home.drop()
})

const failed = (rolloutId: string, more: Partial<CallRecord> = {}): CallRecord => ({
  ...{ rolloutId, callId: 'a', tool: 't', arguments: {}, itemHash: 'hash', item: {} },
  ...{ outcome: 'failed', output: '', code: 'tool_failed', startedAt: new Date() },
  ...more,
})

describe('failed calls that the database does not take', () => {
  it('are recorded as soon as it does, though one of them never is', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const unrecorded = createUnrecorded(ledger, keepingLog(), 0.05)
    await unrecorded.record(failed('never', { code: 'a \u0000 that Postgres cannot store' }))
    await database.sql`alter table tool_calls add constraint away check (rollout_id not like 'later-%')`
    const later = Array.from({ length: 600 }, (_, n) => `later-${n}`)
    await Promise.all(later.map((rollout) => unrecorded.record(failed(rollout))))
    expect(later.every((rollout) => unrecorded.has(rollout))).toBe(true)
    await database.sql`alter table tool_calls drop constraint away`
    await vi.waitFor(() => expect(later.some((rollout) => unrecorded.has(rollout))).toBe(false), 15_000)
    const [row] = await database.sql`select count(*)::int as calls from tool_calls where outcome = 'failed'`
    expect(row).toEqual({ calls: 600 })
    expect(unrecorded.has('never')).toBe(true)
  })

  it('are kept up to a size and forgotten beyond it, which is logged', async () => {
    const log = keepingLog()
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const unrecorded = createUnrecorded(ledger, log, 60, 10_000)
    const code = 'a \u0000 that Postgres cannot store'
    const item = { text: 'x'.repeat(6_000) }
    for (const rollout of ['one', 'one', 'two']) await unrecorded.record(failed(rollout, { code, item }))
    expect([unrecorded.has('one'), unrecorded.has('two')]).toEqual([true, false])
    const codes = log.lines.map(({ facts }) => facts['code'])
    expect(codes).toEqual(['failure_not_recorded', 'failure_not_recorded', 'failure_forgotten'])
  })
})
