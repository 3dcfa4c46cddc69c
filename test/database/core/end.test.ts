import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createEnder, type EndSettings } from '../../../src/core/end.ts'
import type { CallRecord } from '../../../src/ledger/calls/call.ts'
import type { EndedAttempt } from '../../../src/ledger/ending.ts'
import type { GradingRecord } from '../../../src/ledger/gradings/gradings.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import { gate, keepingLog } from '../../support/app.ts'
import { makeOld, useDatabase } from '../../support/database.ts'

const database = useDatabase()
const tables = [
  { name: 'orders', keep: 'end' },
  { name: 'ledger.mails', keep: 'retention' },
] as const
let ledger: Ledger
let run = ''
let ended: EndedAttempt[] = []
let runs = 0

beforeAll(async () => {
  ledger = createLedger({ ...database, budget: undefined, tables, now: Date.now })
  await database.sql`create table orders (rollout bigint, id int, primary key (rollout, id))`
  await database.sql`create table ledger.mails (rollout bigint, id int, primary key (rollout, id))`
})
afterAll(() => database.sql`drop table orders, ledger.mails`)

beforeEach(() => {
  runs += 1
  run = `run-${runs}`
  ended = []
})

const ender = (more: Partial<EndSettings> = {}) =>
  createEnder({
    ledger,
    log: keepingLog(),
    hook: async (attempt) => void ended.push(attempt),
    hasRows: true,
    waitSeconds: 0.2,
    leaseSeconds: 30,
    stopping: new AbortController().signal,
    ...more,
  })

const record = (rolloutId: string, more: Partial<CallRecord> = {}) => {
  const call = { callId: 'a', tool: 'act', arguments: {}, itemHash: 'x', item: {} }
  return ledger.record({
    run,
    rolloutId,
    ...call,
    outcome: 'ok',
    output: '',
    code: null,
    startedAt: new Date(),
    ...more,
  })
}

const grade = (rolloutId: string, more: Partial<GradingRecord> = {}) => {
  const what = { grader: 'g', version: '1', codeHash: null, sampleHash: 's', sample: {}, itemHash: 'x', item: {} }
  const end = { outcome: 'scored', score: 1, parts: null, reason: null, code: null, durationMs: 1 } as const
  return ledger.recordGrading({ run, rolloutId, attempt: 1, ...what, ...end, ...more })
}

/** Calls a tool in a rollout, which gets two rows in each table; resolves with the attempt's number. */
async function seeded(rolloutId: string): Promise<number> {
  const { call } = await record(rolloutId)
  for (const id of [1, 2]) {
    await database.sql`insert into orders values (${call.number}, ${id})`
    await database.sql`insert into ledger.mails values (${call.number}, ${id})`
  }
  return call.number
}

const rowsOf = async (table: string, number: number) =>
  (await database.sql`select id from ${database.sql(table)} where rollout = ${number}`).length

const stateOf = async (rolloutId: string) => {
  const rows = await database.sql`
    select attempt, outcome, released_at is not null as released from rollouts where run = ${run} and id = ${rolloutId}
    order by attempt`
  return rows.map((row) => ({ ...row }))
}

it('ends an attempt after its grading, after an idle time without one, and not before', async () => {
  const numbers = [await seeded('graded'), await seeded('idle'), await seeded('used')]
  await grade('graded', { number: numbers[0] })
  expect(await ender().endDue(5)).toMatchObject({ ended: 0 })
  await makeOld(database, 'graded')
  await makeOld(database, 'idle')
  expect(await ender().endDue(5)).toEqual({ ended: 2, failed: 0, isBacklog: false })
  expect(ended.map(({ rolloutId, outcome }) => [rolloutId, outcome]).sort()).toEqual([
    ['graded', 'graded'],
    ['idle', 'abandoned'],
  ])
  expect(await Promise.all(numbers.map((number) => rowsOf('orders', number)))).toEqual([0, 0, 2])
  expect(await Promise.all(numbers.map((number) => rowsOf('ledger.mails', number)))).toEqual([2, 2, 2])
  expect(await stateOf('used')).toEqual([{ attempt: 1, outcome: null, released: false }])
  expect(await ender().endDue(5)).toMatchObject({ ended: 0 })
})

it('ends an attempt by the verb, at once; the same call begins a new attempt then', async () => {
  const number = await seeded('closed')
  await ender().end({ run, rolloutId: 'closed' })
  expect(ended).toEqual([{ run, rolloutId: 'closed', number, attempt: 1, outcome: 'closed' }])
  expect((await record('closed')).call).toMatchObject({ attempt: 2, seq: 1 })
  expect(await stateOf('closed')).toEqual([
    { attempt: 1, outcome: 'closed', released: true },
    { attempt: 2, outcome: null, released: false },
  ])
})

it('deletes a run with everything in it, and ends its attempts first', async () => {
  const other = run
  await seeded('kept')
  run = `${other}-deleted`
  const numbers = await Promise.all(Array.from({ length: 30 }, (_, n) => seeded(`r${n}`)))
  await grade('r0', { number: numbers[0] })
  expect(await ender().deleteRun(run)).toBe(30)
  expect(ended).toHaveLength(30)
  const [left] = await database.sql`
    select (select count(*)::int from rollouts where run = ${run}) as rollouts,
      (select count(*)::int from tool_calls where run = ${run}) as calls,
      (select count(*)::int from grades where run = ${run}) as grades,
      (select count(*)::int from items where run = ${run}) as items,
      (select count(*)::int from runs where name = ${run}) as runs,
      (select count(*)::int from ledger.mails where rollout = any(${numbers})) as mails,
      (select count(*)::int from rollouts where run = ${other}) as others`
  expect(left).toEqual({ rollouts: 0, calls: 0, grades: 0, items: 0, runs: 0, mails: 0, others: 1 })
  expect((await record('r0')).call).toMatchObject({ attempt: 1 })
})

it('deletes one rollout with all its attempts', async () => {
  await seeded('twice')
  await ender().end({ run, rolloutId: 'twice' })
  await seeded('twice')
  await seeded('other')
  expect(await ender().deleteRollout({ run, rolloutId: 'twice' })).toBe(2)
  expect(await stateOf('twice')).toEqual([])
  expect(await stateOf('other')).toHaveLength(1)
})

it('runs the hook again when the process that ran it died', async () => {
  const number = await seeded('orphan')
  await makeOld(database, 'orphan')
  const held = gate()
  const stopping = new AbortController()
  const dying = ender({ hook: () => held.pass(), stopping: stopping.signal }).endDue(5)
  await held.reached
  expect(await ender().endDue(5)).toMatchObject({ ended: 0 })
  stopping.abort(new Error('killed'))
  expect(await dying).toMatchObject({ ended: 0, failed: 1 })
  expect(await ender().endDue(5)).toMatchObject({ ended: 0 })
  await database.sql`update rollouts set lease_until = now() - interval '1 second' where number = ${number}`
  expect(await ender().endDue(5)).toMatchObject({ ended: 1 })
  expect(ended).toMatchObject([{ number, outcome: 'abandoned' }])
  expect(await rowsOf('orders', number)).toBe(0)
  held.open()
})

const leaseOf = async (number: number) => {
  const [row] = await database.sql`select lease_until::text as lease from rollouts where number = ${number}`
  return row?.['lease']
}

it('renews its lease while the hook runs, and another process takes over after one lease without renewal', async () => {
  const number = await seeded('renewed')
  await makeOld(database, 'renewed')
  const held = gate()
  const stopping = new AbortController()
  const dying = ender({ hook: () => held.pass(), stopping: stopping.signal, leaseSeconds: 0.6 }).endDue(5)
  await held.reached
  const leases = new Set<unknown>()
  await expect.poll(async () => leases.add(await leaseOf(number)).size, { timeout: 10_000 }).toBeGreaterThan(5)
  expect(await ender().endDue(5)).toMatchObject({ ended: 0 })
  stopping.abort(new Error('killed'))
  expect(await dying).toMatchObject({ ended: 0, failed: 1 })
  await expect.poll(async () => (await ender().endDue(5)).ended, { timeout: 10_000 }).toBe(1)
  expect(ended).toMatchObject([{ number, outcome: 'abandoned' }])
  held.open()
})

it.each([
  ['at the next renewal', 0.3],
  ['when it releases the attempt', 600],
])('leaves an attempt that another process has taken over to it, noticed %s', async (when, leaseSeconds) => {
  const number = await seeded(when)
  await makeOld(database, when)
  const [frozen, heir] = [gate(), gate()]
  let signal: AbortSignal | undefined
  const hook = async (_: EndedAttempt, of: AbortSignal) => {
    signal = of
    await frozen.pass()
  }
  const first = ender({ hook, leaseSeconds }).endDue(5)
  await frozen.reached
  await database.sql`update rollouts set lease_until = now() - interval '1 second' where number = ${number}`
  const second = ender({ hook: () => heir.pass() }).endDue(5)
  await heir.reached
  if (leaseSeconds < 1) await expect.poll(() => signal?.aborted, { timeout: 10_000 }).toBe(true)
  frozen.open()
  expect(await first).toMatchObject({ ended: 0, failed: 0 })
  expect(await rowsOf('orders', number)).toBe(2)
  heir.open()
  expect(await second).toMatchObject({ ended: 1 })
  expect(await rowsOf('orders', number)).toBe(0)
})

it('keeps the rows of an attempt whose hook failed, and says so in the log', async () => {
  const log = keepingLog()
  const number = await seeded('failing')
  await makeOld(database, 'failing')
  const hook = async () => {
    throw new Error('the sandbox does not answer')
  }
  expect(await ender({ hook, log }).endDue(5)).toMatchObject({ ended: 0, failed: 1 })
  expect(log.lines.map(({ facts }) => facts)).toMatchObject([
    { code: 'end_failed', run, rollout: 'failing', attempt: 1 },
  ])
  expect(await rowsOf('orders', number)).toBe(2)
})

it('puts a call that arrives while an attempt ends into a new attempt', async () => {
  await seeded('ending')
  await makeOld(database, 'ending')
  const held = gate()
  const turn = ender({ hook: () => held.pass() }).endDue(5)
  await held.reached
  expect((await record('ending')).call).toMatchObject({ attempt: 2, seq: 1 })
  held.open()
  expect(await turn).toMatchObject({ ended: 1 })
  expect(await stateOf('ending')).toMatchObject([{ released: true }, { released: false }])
})

it('does not end an attempt with a running call, in a transaction, or during a grading', async () => {
  const claim = { token: 'token', leaseSeconds: 600 }
  await record('claimed', { outcome: 'running', claim })
  await record('locked')
  const number = await seeded('grading')
  for (const id of ['claimed', 'locked', 'grading']) await makeOld(database, id)
  expect(await ledger.holdAttempt({ run, number }, 60)).toBe(true)
  await database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended(${`${run}/locked`}, 0))`
    expect(await ender().endDue(5)).toMatchObject({ ended: 0 })
    await expect(ender().end({ run, rolloutId: 'locked' })).rejects.toMatchObject({ status: 503 })
  })
  expect(await ender().endDue(5)).toMatchObject({ ended: 1 })
  expect(ended).toMatchObject([{ rolloutId: 'locked' }])
  await ender().end({ run, rolloutId: 'grading' })
  expect(await ledger.holdAttempt({ run, number }, 60)).toBe(false)
})

it('ends many attempts in one statement where the environment has nothing to release', async () => {
  for (let n = 0; n < 20; n += 1) await record(`many-${n}`)
  await makeOld(database, 'many-%')
  expect(await ender({ hook: undefined, hasRows: false }).endDue(5)).toMatchObject({ ended: 20 })
  expect(await stateOf('many-7')).toEqual([{ attempt: 1, outcome: 'abandoned', released: true }])
})

it('deletes attempts that were released only, with the rows that were kept as long', async () => {
  await ledger.deleteRollouts(7)
  const number = await seeded('old-and-open')
  await database.sql`update rollouts set created_at = now() - interval '8 days' where number = ${number}`
  expect(await ledger.deleteRollouts(7)).toMatchObject({ rollouts: 0 })
  await ender().end({ run, rolloutId: 'old-and-open' })
  expect(await rowsOf('ledger.mails', number)).toBe(2)
  expect(await ledger.deleteRollouts(7)).toMatchObject({ rollouts: 1 })
  expect(await rowsOf('ledger.mails', number)).toBe(0)
})
