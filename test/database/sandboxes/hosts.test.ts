import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEnder } from '../../../src/core/end.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { createSandboxClosing } from '../../../src/ledger/sandbox-closing.ts'
import { gate, keepingLog } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { type CloudFaults, createCloud } from '../../support/sandbox/cloud.ts'
import { grade, run, type SandboxReplica, sandboxReplica } from '../../support/sandbox/shell.ts'

/** Two replicas on two hosts, each with sandboxes that the other cannot reach, as with the provider `local`. */

const database = useDatabase()
const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
let faults: CloudFaults = {}
let clouds = { a: createCloud(), b: createCloud() }
let a: SandboxReplica
let b: SandboxReplica

beforeEach(() => {
  faults = {}
  clouds = {
    a: createCloud({
      beforeCreate: async (...args) => faults.beforeCreate?.(...args),
      afterCreate: async (...args) => faults.afterCreate?.(...args),
    }),
    b: createCloud(),
  }
  const at = (host: 'a' | 'b') => ({ provider: { ...clouds[host].provider, name: 'local', host } })
  a = sandboxReplica(database, at('a'))
  b = sandboxReplica(database.another(), at('b'))
})
afterEach(() => database.sql`truncate sandboxes, sandbox_hosts, rollouts, tool_calls, grades`)

const rows = () => database.sql`select status, host, handle, cause from sandboxes`
const endAt = ({ sandboxes }: SandboxReplica, rolloutId: string) =>
  createEnder({
    ledger,
    log: keepingLog(),
    hook: undefined,
    closeSandboxes: sandboxes.end,
    waitSeconds: 1,
    leaseSeconds: 30,
    stopping: new AbortController().signal,
  }).end({ run: 'default', rolloutId })

it('a sandbox of another host is neither used nor replaced: the call is a 503, and its own host goes on with it', async () => {
  expect((await run(a, 'r', '1', 'write answer blue')).status).toBe(200)
  const elsewhere = await run(b, 'r', '2', 'read answer')
  expect([elsewhere.status, elsewhere.body.error?.code]).toEqual([503, 'sandbox_elsewhere'])
  expect(Number(elsewhere.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await run(a, 'r', '2', 'read answer')).body.output).toBe('blue')
  const graded = await grade(b, 'r', 'blue')
  expect([graded.status, graded.body.error?.code]).toEqual([503, 'sandbox_elsewhere'])
  expect(clouds.b.created).toHaveLength(0)
  expect((await grade(a, 'r', 'blue')).body.score).toBe(1)
  expect(clouds.a.created).toHaveLength(1)
})

it('the reaper of a host leaves the sandboxes of the other, and what is recorded of them', async () => {
  await run(a, 'r', '1', 'x')
  await run(b, 's', '1', 'x')
  await database.sql`update sandboxes set opened_at = now() - interval '5 minutes'`
  expect(await b.sandboxes.reap()).toEqual({ listed: 1, orphans: 0, stuck: 0, lost: 0 })
  expect(await a.sandboxes.reap()).toEqual({ listed: 1, orphans: 0, stuck: 0, lost: 0 })
  expect([clouds.a.boxes.size, clouds.b.boxes.size]).toEqual([1, 1])
  expect((await run(a, 'r', '2', 'x')).status).toBe(200)
})

it('a rollout that ends on another host is closed by the host that has its sandbox', async () => {
  await run(a, 'r', '1', 'x')
  await endAt(b, 'r')
  expect([clouds.a.boxes.size, await rows()]).toEqual([1, [expect.objectContaining({ status: 'closing', host: 'a' })]])
  await database.sql`update sandboxes set retry_at = now() - interval '1 second'`
  await b.sandboxes.reap()
  expect(clouds.a.boxes.size).toBe(1)
  await a.sandboxes.reap()
  expect([clouds.a.boxes.size, await rows()]).toEqual([0, [expect.objectContaining({ status: 'closed' })]])
})

it('what a host creates after another has taken its request over is closed', async () => {
  const creation = gate()
  faults.beforeCreate = creation.pass
  const stuck = run(a, 'r', '1', 'x')
  await creation.reached
  await database.sql`update sandboxes set lease_until = now() - interval '1 second'`
  expect((await run(b, 'r', '2', 'x')).status).toBe(200)
  creation.open()
  expect((await stuck).status).toBeGreaterThanOrEqual(500)
  expect([clouds.a.boxes.size, clouds.b.boxes.size]).toEqual([0, 1])
  expect(await rows()).toMatchObject([{ status: 'open', host: 'b' }])
})

it('what a dead host had created when another took its request over is closed by its reaper, once it runs again', async () => {
  const recording = gate()
  faults.afterCreate = async () => {
    await recording.pass()
    throw new Error('the process is dead')
  }
  void run(a, 'r', '1', 'x')
  await recording.reached
  await database.sql`update sandboxes set lease_until = now() - interval '1 second'`
  expect((await run(b, 'r', '2', 'x')).status).toBe(200)
  // Both hosts gave it the same handle.
  expect([...clouds.a.boxes.keys()]).toEqual([...clouds.b.boxes.keys()])
  expect(await a.sandboxes.reap()).toMatchObject({ listed: 1, orphans: 1, stuck: 0 })
  expect(await b.sandboxes.reap()).toMatchObject({ listed: 1, orphans: 0, stuck: 0 })
  recording.open()
})

it('the sandboxes of a host that was not seen for a quarter of an hour are lost, and are not replaced', async () => {
  await a.sandboxes.reap()
  await run(a, 'r', '1', 'x')
  await database.sql`update sandbox_hosts set seen_at = now() - interval '16 minutes' where host = 'a'`
  await b.sandboxes.reap()
  expect(await rows()).toMatchObject([{ status: 'failed', cause: 'host_lost' }])
  const lost = await run(b, 'r', '2', 'x')
  expect([lost.status, lost.body.error?.code]).toEqual([500, 'sandbox_lost'])
  const graded = await grade(b, 'r', '', 'plain')
  expect([graded.status, graded.body.error?.code]).toEqual([500, 'rollout_has_failed_call'])
  expect(clouds.b.created).toHaveLength(0)
})

it('a host is seen while its reaper runs', async () => {
  await a.sandboxes.reap()
  expect(await createSandboxClosing(database.sql).others('b', 60)).toEqual([{ host: 'a', alive: true }])
})
