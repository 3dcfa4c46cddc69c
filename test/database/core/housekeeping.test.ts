import { afterEach, beforeAll, expect, it } from 'vitest'
import type { Log } from '../../../src/base/log.ts'
import { createEnder } from '../../../src/core/end.ts'
import { startHousekeeping } from '../../../src/core/housekeeping.ts'
import type { CallRecord } from '../../../src/ledger/calls/call.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import type { Deleted } from '../../../src/ledger/retention.ts'
import { keepingLog } from '../../support/app.ts'
import { makeOld, useDatabase } from '../../support/database.ts'

const database = useDatabase()
let ledger: Ledger
let end = () => {}

beforeAll(async () => {
  ledger = createLedger({ ...database, budget: undefined, now: Date.now })
})

afterEach(() => end())

const enderWith = (log: Log) =>
  createEnder({ ledger, log, waitSeconds: 1, leaseSeconds: 30, stopping: new AbortController().signal })

const record = (rolloutId: string, more: Partial<CallRecord> = {}): CallRecord => ({
  run: 'default',
  rolloutId,
  callId: 'a',
  tool: 'act',
  arguments: {},
  itemHash: 'x',
  item: {},
  outcome: 'ok',
  output: '',
  code: null,
  startedAt: new Date(),
  ...more,
})

it('records the calls of dead owners as failed on its own, and logs it', async () => {
  const log = keepingLog()
  await ledger.record(record('dead', { outcome: 'running', claim: { token: 'gone', leaseSeconds: 0.05 } }))
  await ledger.record(record('alive', { outcome: 'running', claim: { token: 'held', leaseSeconds: 600 } }))
  end = startHousekeeping({ ledger, ender: enderWith(log), log, leaseSeconds: 0.05, retentionDays: undefined })
  const outcomes = async () =>
    (await database.sql`select rollout_id as id, outcome, code from ledger.calls order by id`).map((row) => ({
      ...row,
    }))
  await expect.poll(outcomes).toEqual([
    { id: 'alive', outcome: 'running', code: null },
    { id: 'dead', outcome: 'failed', code: 'lease_expired' },
  ])
  await expect.poll(() => log.lines.map(({ facts }) => facts)).toEqual([{ code: 'lease_expired', calls: 1 }])
})

it('deletes old rollouts on its own, and logs it', async () => {
  const log = keepingLog()
  const told: Deleted[] = []
  for (const rollout of ['old', 'young']) await ledger.record(record(rollout))
  await makeOld(database, 'old')
  await enderWith(log).endDue(1)
  end = startHousekeeping({
    ledger,
    ender: enderWith(log),
    log,
    leaseSeconds: 600,
    retentionDays: 7,
    endEverySeconds: 0.05,
    onDeleted: (deleted) => told.push(deleted),
  })
  const left = async () =>
    (await database.sql`select id from rollouts where id in ('old', 'young')`).map(({ id }) => id)
  await expect.poll(left).toEqual(['young'])
  await expect.poll(() => log.lines.map(({ facts }) => facts['code'])).toEqual(['retention'])
  expect(told).toEqual([{ rollouts: 1, items: 0 }])
})

it('ends rollouts that are idle on its own', async () => {
  const log = keepingLog()
  for (const rollout of ['idle', 'used']) await ledger.record(record(rollout))
  await makeOld(database, 'idle')
  end = startHousekeeping({
    ledger,
    ender: enderWith(log),
    log,
    leaseSeconds: 600,
    retentionDays: undefined,
    endEverySeconds: 0.05,
  })
  const ended = async () =>
    (await database.sql`select id, outcome from rollouts where id in ('idle', 'used') and ended_at is not null`).map(
      (row) => ({ ...row }),
    )
  await expect.poll(ended).toEqual([{ id: 'idle', outcome: 'abandoned' }])
})

it('analyzes tables that grow fast on its own', async () => {
  await database.sql`vacuum (analyze) rollouts`
  const rows = async () => {
    const [row] = await database.sql`select reltuples::int as rows from pg_class where oid = 'rollouts'::regclass`
    return Number(row?.['rows'])
  }
  const before = await rows()
  await database.sql`
    insert into rollouts (run, id, item_hash) select 'fast', md5(n::text), 'x' from generate_series(1, 1000) n`
  const log = keepingLog()
  end = startHousekeeping({ ledger, ender: enderWith(log), log, leaseSeconds: 30, retentionDays: undefined })
  await expect.poll(rows, { timeout: 5_000 }).toBe(before + 1_000)
})
