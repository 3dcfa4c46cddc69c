import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEnder } from '../../../src/core/end.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { createE2bProvider } from '../../../src/runtime/sandbox/e2b/e2b-provider.ts'
import type { ExecResult, SandboxProvider } from '../../../src/runtime/sandbox/provider.ts'
import { gate, keepingLog } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { type Asked, type E2bService, type Fault, openE2bService } from '../../support/sandbox/e2b/service.ts'
import { grade, run, type SandboxReplica, sandboxReplica } from '../../support/sandbox/shell.ts'

/** The lifecycle of sandboxes at a service that is asked over HTTP, with what goes wrong there. Commands do nothing. */

const database = useDatabase()
const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
const never = new AbortController().signal
const done: ExecResult = { exitCode: 0, signal: null, stdout: '', stderr: '', timedOut: false, truncated: false }
let fault: (asked: Asked) => Promise<Fault | undefined> | Fault | undefined
let service: E2bService
let provider: SandboxProvider
let replica: SandboxReplica

beforeEach(async () => {
  fault = () => undefined
  service = await openE2bService({
    templates: { 'template-': '/nowhere' },
    pageSize: 2,
    fault: (asked) => fault(asked),
  })
  provider = { ...createE2bProvider(service.settings), exec: async () => done }
  replica = sandboxReplica(database, { provider }, { times: { look: 3 } })
})
afterEach(async () => {
  await service.close()
  await database.sql`truncate sandboxes, rollouts, tool_calls, grades`
})

const isCreation = ({ method, path }: Asked) => method === 'POST' && path === '/v2/sandboxes'
const isList = ({ method, path }: Asked) => method === 'GET' && path === '/v2/sandboxes'
const isClosing = ({ method }: Asked) => method === 'DELETE'
const creations = () => service.asked.filter(isCreation)
/** Fails what is asked, the first so many times. */
const failing = (what: (asked: Asked) => boolean, times: number, wrong: Fault) => {
  let left = times
  return (asked: Asked) => {
    if (!what(asked) || left === 0) return undefined
    left -= 1
    return wrong
  }
}
const end = (rolloutId: string) =>
  createEnder({
    ledger,
    log: keepingLog(),
    hook: undefined,
    closeSandboxes: replica.sandboxes.end,
    waitSeconds: 1,
    leaseSeconds: 30,
    stopping: never,
  }).end({ run: 'default', rolloutId })
const rows = () => database.sql`select status, generation, handle, cause from sandboxes`

it('a sandbox is created with its labels and its time to live, without network, and is reached with a token alone', async () => {
  expect((await run(replica, 'a', '1', 'x')).status).toBe(200)
  const [row] = await database.sql<{ number: string }[]>`select number::text from rollouts where id = 'a'`
  expect(creations().map(({ body }) => body)).toEqual([
    {
      templateID: 'template-',
      timeout: 7_200,
      autoPause: false,
      network: { allowPublicTraffic: false },
      allow_internet_access: false,
      metadata: {
        scorekeeper_installation: 'test',
        scorekeeper_rollout: row?.number,
        scorekeeper_name: 'shell',
        scorekeeper_generation: '1',
        scorekeeper_pids: '256',
        scorekeeper_disk_mb: '256',
      },
    },
  ])
})

it('a creation that succeeds and is answered with 504 is adopted, and not made again', async () => {
  fault = failing(isCreation, 1, { status: 504, isDone: true })
  expect((await run(replica, 'a', '1', 'x')).status).toBe(200)
  expect((await run(replica, 'a', '2', 'x')).status).toBe(200)
  expect([service.made, creations().length]).toEqual([1, 1])
  expect(replica.sandboxes.meter).toMatchObject({ created: 0, adopted: 1 })
  expect(await rows()).toEqual([{ status: 'open', generation: 1, handle: [...service.boxes.keys()][0], cause: null }])
})

it('a creation that succeeds after the server has given it up is adopted, and not made again', async () => {
  const late = gate()
  fault = async (asked) => {
    if (isCreation(asked)) await late.pass()
    // The server has given the creation up, and looks for it.
    if (isList(asked)) late.open()
    return undefined
  }
  const hurried = sandboxReplica(database, { provider }, { times: { create: 0.3, look: 5 } })
  expect((await run(hurried, 'a', '1', 'x')).status).toBe(200)
  expect([service.made, creations().length]).toEqual([1, 1])
})

it('a creation that is rejected with 429 is made after the pause that the service names', async () => {
  fault = failing(isCreation, 2, { status: 429, headers: { 'retry-after': '0' } })
  expect((await run(replica, 'a', '1', 'x')).status).toBe(200)
  expect([service.made, creations().length]).toEqual([1, 3])
  expect(replica.sandboxes.meter).toMatchObject({ created: 1, adopted: 0 })
})

it('a creation that is rejected again and again fails the call with 503, and creates nothing', async () => {
  fault = failing(isCreation, Number.POSITIVE_INFINITY, { status: 429, headers: { 'retry-after': '0' } })
  const hurried = sandboxReplica(database, { provider }, { times: { create: 10, look: 0.3 } })
  expect(await run(hurried, 'a', '1', 'x')).toMatchObject({
    status: 503,
    body: { error: { code: 'sandbox_unavailable' } },
  })
  expect(service.made).toBe(0)
  expect((await grade(hurried, 'a', '', 'plain')).status).toBe(500)
})

it('an unknown template fails the call, and makes the rollout ungradable', async () => {
  const other = sandboxReplica(database, {
    provider: {
      ...provider,
      create: (spec, labels, signal) => provider.create({ ...spec, template: 'unknown' }, labels, signal),
    },
  })
  const { status, body } = await run(other, 'a', '1', 'x')
  expect([status, body.error?.code]).toEqual([500, 'sandbox_refused'])
  expect(other.log.lines.map(({ facts }) => String(facts['cause']))).toContainEqual(
    expect.stringContaining('the template unknown does not exist'),
  )
  expect((await grade(other, 'a', '', 'plain')).body.score).toBeUndefined()
})

it('a sandbox whose closing fails with 500 counts, and is closed later', async () => {
  fault = failing(isClosing, 1, { status: 500 })
  await run(replica, 'a', '1', 'x')
  await end('a')
  expect([service.boxes.size, (await replica.sandboxes.counts()).closing]).toEqual([1, 1])
  expect(await rows()).toMatchObject([{ status: 'closing', cause: 'close_unavailable' }])
  await database.sql`update sandboxes set retry_at = now() - interval '1 second'`
  expect(await replica.sandboxes.reap()).toMatchObject({ stuck: 0 })
  expect([service.boxes.size, (await replica.sandboxes.counts()).closing]).toEqual([0, 0])
})

it.each([
  ['was closed although the service answered with 500', true],
  ['has ended by itself', false],
])('a sandbox that %s is closed: 404 is a success', async (_, isAnswered500) => {
  await run(replica, 'a', '1', 'x')
  if (isAnswered500) {
    fault = failing(isClosing, 1, { status: 500, isDone: true })
    await end('a')
    await database.sql`update sandboxes set retry_at = now() - interval '1 second'`
    await replica.sandboxes.reap()
  } else {
    await service.kill([...service.boxes.keys()][0] ?? '')
    await end('a')
  }
  expect(await rows()).toMatchObject([{ status: 'closed' }])
})

it('the reaper closes what carries the label of the installation and belongs to no rollout, on all pages', async () => {
  for (const id of ['a', 'b', 'c']) await run(replica, id, '1', 'x')
  const spec = { template: 'template-', network: false, memoryMb: 1, pids: 1, diskMb: 1, ttlSeconds: 600 }
  const labels = { installation: 'test', rollout: '0', name: 'shell', generation: '1' }
  for (const rollout of ['900001', '900002', '900003']) await provider.create(spec, { ...labels, rollout }, never)
  await provider.create(spec, { ...labels, installation: 'other', rollout: '900004' }, never)
  expect(await replica.sandboxes.reap()).toEqual({ listed: 6, orphans: 3, stuck: 0, lost: 0 })
  const left = [...service.boxes.values()].map(({ request: { metadata } }) => metadata['scorekeeper_installation'])
  expect(left.sort()).toEqual(['other', 'test', 'test', 'test'])
})

it('a sandbox that has ended at the service is not replaced: later calls fail, and no grading scores', async () => {
  await run(replica, 'a', '1', 'x')
  await service.kill([...service.boxes.keys()][0] ?? '')
  const { exec } = createE2bProvider(service.settings)
  const other = sandboxReplica(database.another(), { provider: { ...provider, exec } })
  const lost = await run(other, 'a', '2', 'x')
  expect([lost.status, lost.body.error?.code]).toEqual([500, 'sandbox_lost'])
  const graded = await grade(other, 'a', '', 'plain')
  expect([graded.status, graded.body.score]).toEqual([500, undefined])
  expect(service.made).toBe(1)
})

it('each use postpones the time at which the service would end the sandbox', async () => {
  await run(replica, 'a', '1', 'x')
  await database.sql`update sandboxes set expires_at = now() + interval '1 hour'`
  await run(replica, 'a', '2', 'x')
  const [box] = service.boxes.values()
  expect(service.asked.at(-1)).toEqual({
    method: 'POST',
    path: `/sandboxes/${box?.id}/timeout`,
    body: { timeout: 7_200 },
  })
})
