import { expect, it } from 'vitest'
import { settleClaim } from '../../../src/ledger/calls/claims.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

it('settles a call with a change of state while another replica records the same call, without a deadlock', async () => {
  const { sql } = database
  await sql`insert into rollouts (run, number, id, item_hash, calls) values ('default', 1000, 'r', 'h', 1)`
  await sql`
    insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, claim, lease_until, started_at)
    values ('default', 1000, 'c', 1, 'act', '{}', 'running', '', 'mine', now() + interval '1 minute', now())`
  let settled: Promise<boolean> | undefined
  // The other replica has not seen the call: it increments the count, and then finds the row.
  const recording = sql.begin(async (other) => {
    await other`update rollouts set calls = calls + 1 where id = 'r'`
    const end = { outcome: 'ok', output: 'done', code: null } as const
    const claim = { run: 'default', rolloutId: 'r', number: 1000, callId: 'c', nth: 1, claim: 'mine' }
    settled = settleClaim(database, claim, end, () => ({ notes: ['done'] }))
    settled.catch(() => undefined)
    await expect.poll(() => sql`select from pg_locks where not granted`, { timeout: 10_000 }).not.toHaveLength(0)
    await other`
      insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, started_at)
      values ('default', 1000, 'c', 2, 'act', '{}', 'running', '', now())`
  })
  await expect(recording).rejects.toMatchObject({ code: '23505' })
  expect(await settled).toBe(true)
  const [row] = await sql`select calls, state, t.outcome from rollouts r join ledger.calls t on t.rollout_id = r.id`
  expect(row).toEqual({ calls: 1, state: { notes: ['done'] }, outcome: 'ok' })
})

it('settles nothing by a claim that was taken over, although the call still runs', async () => {
  const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
  const call = { run: 'default', rolloutId: 'taken', callId: 'c', tool: 'act', arguments: {}, itemHash: 'h', item: {} }
  const begin = (token: string, leaseSeconds: number) => {
    const claim = { token, leaseSeconds }
    return ledger.record({ ...call, outcome: 'running', output: '', code: null, startedAt: new Date(), claim })
  }
  await begin('dead', 0.01)
  await expect.poll(async () => (await ledger.locate(call)).stored?.lapsed).toBe(true)
  expect((await begin('living', 60)).call).toMatchObject({ claim: 'living', execution: 2 })
  const end = { outcome: 'ok', output: 'from the grave', code: null } as const
  const claimed = { ...call, number: (await ledger.locate(call)).number ?? 0, nth: 1 }
  const change = () => ({ notes: ['from the grave'] })
  expect(await ledger.settle({ ...claimed, claim: 'dead' }, end)).toBe(false)
  expect(await ledger.settle({ ...claimed, claim: 'dead' }, end, change)).toBe(false)
  const standing = async () => {
    const [row] = await database.sql`
      select c.outcome, output, state from ledger.calls c join rollouts r using (number) where rollout_id = 'taken'`
    return row
  }
  expect(await standing()).toEqual({ outcome: 'running', output: '', state: null })
  expect(await ledger.settle({ ...claimed, claim: 'living' }, { ...end, output: 'done' })).toBe(true)
  expect(await standing()).toEqual({ outcome: 'ok', output: 'done', state: null })
})
