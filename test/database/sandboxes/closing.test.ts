import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEnder } from '../../../src/core/end.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { SandboxError } from '../../../src/runtime/sandbox/provider.ts'
import { gate, keepingLog } from '../../support/app.ts'
import { retire, useDatabase } from '../../support/database.ts'
import { type CloudFaults, createCloud } from '../../support/sandbox/cloud.ts'
import { run, type SandboxReplica, sandboxReplica } from '../../support/sandbox/shell.ts'

const database = useDatabase()
const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
let faults: CloudFaults = {}
let cloud = createCloud()
let replica: SandboxReplica

beforeEach(async () => {
  faults = {}
  cloud = createCloud({
    beforeCreate: async (...args) => faults.beforeCreate?.(...args),
    beforeClose: async (handle) => faults.beforeClose?.(handle),
  })
  replica = sandboxReplica(database, cloud)
})
afterEach(() => database.sql`truncate sandboxes, rollouts, tool_calls`)

const end = (rolloutId: string, hook?: () => Promise<void>) =>
  createEnder({
    ledger,
    log: keepingLog(),
    hook,
    closeSandboxes: replica.sandboxes.end,
    waitSeconds: 1,
    leaseSeconds: 30,
    stopping: new AbortController().signal,
  }).end({ run: 'default', rolloutId })

const statuses = async () =>
  (await database.sql`select status from sandboxes order by rollout`).map((row) => row['status'])

it('the end of a rollout closes its sandbox', async () => {
  await run(replica, 'a', '1', 'x')
  await end('a')
  expect([cloud.boxes.size, await statuses()]).toEqual([0, ['closed']])
  expect(await replica.sandboxes.counts()).toMatchObject({ open: 0, closing: 0 })
})

it('a sandbox is closed although the end hook fails', async () => {
  await run(replica, 'a', '1', 'x')
  await expect(end('a', () => Promise.reject(new Error('broken')))).rejects.toMatchObject({ code: 'end_failed' })
  expect(cloud.boxes.size).toBe(0)
})

it('a sandbox that cannot be closed counts, and is closed later', async () => {
  faults.beforeClose = async () => {
    throw new SandboxError('unavailable', 'stuck')
  }
  await run(replica, 'a', '1', 'x')
  await end('a')
  expect(await replica.sandboxes.counts()).toMatchObject({ closing: 1 })
  await database.sql`update rollouts set created_at = now() - interval '9 days'`
  await retire(ledger, 8)
  expect(await statuses()).toEqual(['closing'])
  faults.beforeClose = async () => undefined
  await database.sql`update sandboxes set retry_at = now() - interval '1 second'`
  expect(await replica.sandboxes.reap()).toMatchObject({ stuck: 0 })
  expect([cloud.boxes.size, await statuses()]).toEqual([0, ['closed']])
})

it('retention deletes what is recorded of closed sandboxes', async () => {
  await run(replica, 'a', '1', 'x')
  await end('a')
  await database.sql`update rollouts set created_at = now() - interval '9 days'`
  await retire(ledger, 8)
  expect(await statuses()).toEqual([])
})

it('one sandbox that cannot be closed does not keep the others open', async () => {
  faults.beforeClose = async (handle) => {
    if (handle === 'box-1') throw new SandboxError('unavailable', 'stuck')
  }
  for (const id of ['a', 'b', 'c']) await run(replica, id, '1', 'x')
  await database.sql`update rollouts set ended_at = now(), released_at = now()`
  expect(await replica.sandboxes.reap()).toMatchObject({ stuck: 1 })
  expect([...cloud.boxes.keys()]).toEqual(['box-1'])
})

it('a failure to close a sandbox that cannot be recorded is logged, and it is closed a minute later', async () => {
  faults.beforeClose = async () => {
    throw new SandboxError('unavailable', 'stuck')
  }
  await run(replica, 'a', '1', 'x')
  await database.sql`
    create function refuse_closings() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$`
  await database.sql`
    create trigger refuse_closings before update of closings on sandboxes for each row execute function refuse_closings()`
  try {
    await end('a')
    expect(replica.log.lines.map(({ facts }) => facts['code'])).toContain('sandbox_closing_not_recorded')
  } finally {
    await database.sql`drop function refuse_closings cascade`
  }
  faults.beforeClose = async () => undefined
  await database.sql`update sandboxes set retry_at = now() - interval '1 second'`
  expect(await replica.sandboxes.reap()).toMatchObject({ stuck: 0 })
  expect([cloud.boxes.size, await statuses()]).toEqual([0, ['closed']])
})

it('the reaper closes what carries the label of the installation and belongs to no rollout, and nothing else', async () => {
  await run(replica, 'a', '1', 'x')
  const spec = { template: 't', network: false, memoryMb: 1, pids: 1, diskMb: 1, ttlSeconds: 1 }
  const labels = { installation: 'test', rollout: '999999', name: 'shell', generation: '1' }
  const { signal } = new AbortController()
  await cloud.provider.create(spec, labels, signal)
  await cloud.provider.create(spec, { ...labels, installation: 'other' }, signal)
  expect(await replica.sandboxes.reap()).toMatchObject({ listed: 2, orphans: 1, stuck: 0 })
  expect([...cloud.boxes.keys()]).toEqual(['box-1', 'box-3'])
})

it('what the provider does not answer about one sandbox does not keep the reaper from the others', async () => {
  await run(replica, 'gone', '1', 'x')
  await run(replica, 'unknown', '1', 'x')
  cloud.boxes.clear()
  const spec = { template: 't', network: false, memoryMb: 1, pids: 1, diskMb: 1, ttlSeconds: 1 }
  const { signal } = new AbortController()
  for (let rollout = 900_000; rollout < 900_040; rollout += 1) {
    const labels = { installation: 'test', rollout: String(rollout), name: 'shell', generation: '1' }
    await cloud.provider.create(spec, labels, signal)
  }
  faults.beforeClose = async (handle) => {
    if (handle === 'box-3') await new Promise(() => undefined)
  }
  const silent: typeof cloud.provider = {
    ...cloud.provider,
    alive: (handle) => (handle === 'box-2' ? new Promise(() => undefined) : cloud.provider.alive(handle, signal)),
  }
  await database.sql`update sandboxes set opened_at = now() - interval '5 minutes'`
  const { sandboxes } = sandboxReplica(database, { provider: silent })
  expect(await sandboxes.reap()).toEqual({ listed: 40, orphans: 40, stuck: 1, lost: 1 })
  expect([...cloud.boxes.keys()]).toEqual(['box-3'])
  expect(await statuses()).toEqual(['failed', 'open'])
})

it('a second sandbox of a rollout is closed, and the recorded one is kept', async () => {
  await run(replica, 'a', '1', 'write a 1')
  const [first] = [...cloud.boxes.values()]
  if (first === undefined) throw new Error('no sandbox was opened')
  await cloud.provider.create(first.spec, first.labels, new AbortController().signal)
  await replica.sandboxes.reap()
  expect([...cloud.boxes.keys()]).toEqual([first.handle])
  expect((await run(replica, 'a', '2', 'read a')).body.output).toBe('1')
})

it('a sandbox that is created while its rollout ends is closed', async () => {
  const creation = gate()
  faults.beforeCreate = creation.pass
  const call = run(replica, 'a', '1', 'x')
  await creation.reached
  // As if the call had been given up: nothing runs that keeps the rollout open.
  await database.sql`update tool_calls set outcome = 'failed', claim = null, finished_at = now()`
  const ending = end('a')
  await ending
  creation.open()
  expect((await call).status).not.toBe(200)
  await database.sql`update sandboxes set retry_at = now() - interval '1 second' where closed_at is null`
  await replica.sandboxes.reap()
  expect([cloud.boxes.size, await statuses()]).toEqual([0, ['closed']])
})

it('a creation that was interrupted is closed with its rollout, by its labels', async () => {
  await run(replica, 'a', '1', 'x')
  await database.sql`update sandboxes set status = 'opening', handle = null, opened_at = null, claim = 'dead', lease_until = now()`
  await end('a')
  expect([cloud.boxes.size, await statuses()]).toEqual([0, ['closed']])
})

it('the place of a sandbox whose creation was interrupted is kept while the creation may still succeed', async () => {
  const late = gate()
  faults.beforeCreate = late.pass
  const dying = new AbortController()
  const dead = sandboxReplica(database.another(), cloud, { stopping: dying.signal, times: { create: 60 } })
  replica = sandboxReplica(database, cloud, { times: { create: 60 } })
  const unanswered = run(dead, 'a', '1', 'x')
  await late.reached
  dying.abort(new Error('killed'))
  await unanswered
  await end('a')
  expect(await replica.sandboxes.counts()).toMatchObject({ closing: 1 })
  late.open()
  await expect.poll(() => cloud.boxes.size).toBe(1)
  await database.sql`update sandboxes set retry_at = now() - interval '1 second'`
  await replica.sandboxes.reap()
  expect([cloud.boxes.size, await statuses()]).toEqual([0, ['closed']])
})

it('the place of a sandbox that was never created is free after that time', async () => {
  faults.beforeCreate = async () => {
    throw new SandboxError('unavailable', '429')
  }
  await run(replica, 'a', '1', 'x')
  await end('a')
  await database.sql`
    update sandboxes set retry_at = now() - interval '1 second', granted_at = granted_at - interval '2 minutes'`
  await replica.sandboxes.reap()
  expect(await replica.sandboxes.counts()).toMatchObject({ closing: 0, failed: 0 })
})

it('a server with another provider leaves a sandbox to those that use its own', async () => {
  await run(replica, 'a', '1', 'x')
  const others = createCloud()
  const other = sandboxReplica(database.another(), { provider: { ...others.provider, name: 'other' } })
  const elsewhere = await run(other, 'a', '2', 'x')
  expect([elsewhere.status, elsewhere.body.error?.code]).toEqual([503, 'sandbox_elsewhere'])
  await database.sql`update rollouts set ended_at = now(), released_at = now()`
  const [row] = await database.sql<
    { run: string; number: number }[]
  >`select run, number::float8 as number from rollouts`
  await other.sandboxes.end({ run: row?.run ?? '', number: row?.number ?? 0 })
  expect([cloud.boxes.size, await statuses()]).toEqual([1, ['closing']])
  await database.sql`update sandboxes set retry_at = now() - interval '1 second'`
  await other.sandboxes.reap()
  expect([cloud.boxes.size, await statuses()]).toEqual([1, ['closing']])
  await replica.sandboxes.reap()
  expect([cloud.boxes.size, await statuses()]).toEqual([0, ['closed']])
})
