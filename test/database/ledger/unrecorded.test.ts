import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createUnrecorded } from '../../../src/core/calls/unrecorded.ts'
import type { CallRecord } from '../../../src/ledger/calls/call.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { defineGrader, defineTool, gradingOf, keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const keyOf = (rolloutId: string) => ({ run: 'default', rolloutId })

const failed = (rolloutId: string, more: Partial<CallRecord> = {}): CallRecord => ({
  run: 'default',
  rolloutId,
  callId: rolloutId,
  tool: 't',
  arguments: {},
  itemHash: 'hash',
  item: {},
  outcome: 'failed',
  output: '',
  code: 'tool_failed',
  startedAt: new Date(),
  ...more,
})

describe('failed calls that cannot be recorded', () => {
  it('are recorded as soon as the database accepts them, even if one is never accepted', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const unrecorded = createUnrecorded(ledger, keepingLog(), { everySeconds: 0.05, holdSeconds: 0 })
    await unrecorded.record(failed('never', { code: 'a \u0000 that Postgres cannot store' }))
    await database.sql`alter table tool_calls add constraint away check (call_id not like 'later-%')`
    const later = Array.from({ length: 600 }, (_, n) => `later-${n}`)
    await Promise.all(later.map((rollout) => unrecorded.record(failed(rollout))))
    expect(later.every((rollout) => unrecorded.has(keyOf(rollout)))).toBe(true)
    await database.sql`alter table tool_calls drop constraint away`
    await vi.waitFor(() => expect(later.some((rollout) => unrecorded.has(keyOf(rollout)))).toBe(false), 15_000)
    const [row] = await database.sql`select count(*)::int as calls from ledger.calls where outcome = 'failed'`
    expect(row).toEqual({ calls: 600 })
    expect(unrecorded.has(keyOf('never'))).toBe(true)
  })

  it('are answered once they are recorded, so that no other replica can grade their rollout in between', async () => {
    const log = keepingLog()
    const tool = defineTool({
      name: 'fails',
      description: 'Fails.',
      input: z.object({}),
      effects: 'none',
      run: () => {
        throw new Error('broken')
      },
    })
    const graders = [defineGrader({ name: 'one', version: '1', range: [0, 1], grade: () => 1 })]
    const here = testApp(database, { tools: [tool], log, limits: { holdSeconds: 15 } })
    await database.sql`alter table tool_calls add constraint away check (call_id <> 'held')`
    const answer = post(here, '/tools/fails', toolCall('fails', 'held', 'held'))
    await expect.poll(() => log.lines.map(({ facts }) => facts['code'])).toContain('failure_not_recorded')
    await database.sql`alter table tool_calls drop constraint away`
    expect((await answer).body.error?.code).toBe('tool_failed')
    const graded = await post(testApp(database, { graders }), '/grade', gradingOf('held', 'x'))
    expect(graded.body.error?.code).toBe('rollout_has_failed_call')
  })

  it('are answered to every waiting request', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const unrecorded = createUnrecorded(ledger, keepingLog(), { everySeconds: 0.05, holdSeconds: 15 })
    await database.sql`alter table tool_calls add constraint away check (call_id <> 'awaited twice')`
    const waiting = [unrecorded.record(failed('awaited twice')), unrecorded.record(failed('awaited twice'))]
    await expect.poll(() => unrecorded.has(keyOf('awaited twice'))).toBe(true)
    await database.sql`alter table tool_calls drop constraint away`
    const recorded = await Promise.all(waiting)
    expect(recorded.map((one) => one?.call.outcome)).toEqual(['failed', 'failed'])
    expect(unrecorded.has(keyOf('awaited twice'))).toBe(false)
  })

  it('are kept up to a size limit; dropping more is logged', async () => {
    const log = keepingLog()
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const unrecorded = createUnrecorded(ledger, log, { everySeconds: 60, holdSeconds: 0, maxBytes: 10_000 })
    const code = 'a \u0000 that Postgres cannot store'
    const item = { text: 'x'.repeat(6_000) }
    for (const rollout of ['one', 'one', 'two']) await unrecorded.record(failed(rollout, { code, item }))
    expect([unrecorded.has(keyOf('one')), unrecorded.has(keyOf('two'))]).toEqual([true, false])
    const codes = log.lines.map(({ facts }) => facts['code'])
    expect(codes).toEqual(['failure_not_recorded', 'failure_not_recorded', 'failure_forgotten'])
  })
})
