import { expect, it } from 'vitest'
import { createSandboxLedger } from '../../../src/ledger/sandboxes.ts'
import { SandboxError } from '../../../src/runtime/sandbox/provider.ts'
import { gate, post, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { createCloud } from '../../support/sandbox/cloud.ts'
import { grade, run, sandboxReplica } from '../../support/sandbox/shell.ts'

const database = useDatabase()

const rowsOf = (id: string) => database.sql`
  select s.status, s.generation, s.handle, s.cause from sandboxes s join rollouts r on r.number = s.rollout
  where r.id = ${id}`

it('the calls of a rollout share its sandbox on any replica, and the grading sees it as they left it', async () => {
  const cloud = createCloud()
  const [one, other] = [sandboxReplica(database, cloud), sandboxReplica(database.another(), cloud)]
  expect((await run(one, 'shared', 'a', 'write answer blue')).status).toBe(200)
  expect((await run(other, 'shared', 'b', 'read answer')).body.output).toBe('blue')
  expect((await run(one, 'apart', 'a', 'read answer')).body.output).toBe('exit 1')
  expect((await grade(other, 'shared', 'blue')).body.score).toBe(1)
  expect(cloud.created).toHaveLength(2)
  expect(await rowsOf('shared')).toMatchObject([{ status: 'open', generation: 1 }])
})

it('a grading opens the sandbox of a rollout without calls', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud)
  expect((await grade(replica, 'no-calls', 'blue')).body.score).toBe(0)
  expect(cloud.created).toHaveLength(1)
})

it('the intent is recorded before the sandbox is created', async () => {
  const creation = gate()
  const cloud = createCloud({ beforeCreate: creation.pass })
  const answer = run(sandboxReplica(database, cloud), 'intent', 'a', 'x')
  await creation.reached
  expect(await rowsOf('intent')).toMatchObject([{ status: 'opening', handle: null }])
  creation.open()
  expect((await answer).status).toBe(200)
  expect(await rowsOf('intent')).toMatchObject([{ status: 'open', handle: 'box-1' }])
})

it('of concurrent first calls on two replicas one creates the sandbox', async () => {
  const creation = gate()
  const cloud = createCloud({ beforeCreate: creation.pass })
  const [one, other] = [sandboxReplica(database, cloud), sandboxReplica(database.another(), cloud)]
  const calls = [run(one, 'first', 'a', 'x'), run(other, 'first', 'b', 'y'), run(other, 'first', 'a', 'x')]
  await creation.reached
  creation.open()
  expect((await Promise.all(calls)).map(({ body }) => body.output)).toEqual(['x', 'y', 'x'])
  expect(cloud.created).toHaveLength(1)
  expect(cloud.commands.map(({ argv }) => argv.join(' ')).sort()).toEqual(['x', 'y'])
})

it('a sandbox that a dying server created is adopted by its labels', async () => {
  const death = gate()
  let isFirst = true
  const cloud = createCloud({
    async afterCreate() {
      if (!isFirst) return
      isFirst = false
      await death.pass()
      throw new Error('the process is dead')
    },
  })
  const dying = new AbortController()
  const dead = sandboxReplica(database.another(), cloud, { stopping: dying.signal })
  const unanswered = run(dead, 'adopted', 'a', 'write answer blue')
  await death.reached
  dying.abort(new Error('killed'))
  expect((await unanswered).status).toBe(500)
  const alive = sandboxReplica(database, cloud)
  expect((await run(alive, 'adopted', 'a', 'write answer blue')).status).toBe(200)
  expect(cloud.created).toHaveLength(1)
  expect(alive.sandboxes.meter).toMatchObject({ created: 0, adopted: 1 })
  // From now on the provider and the ledger expect its end at the same time.
  expect(cloud.extended).toEqual([{ handle: 'box-1', seconds: 7_200 }])
  death.open()
})

it('a creation that failed after it succeeded is adopted, and not made again', async () => {
  const cloud = createCloud({
    afterCreate: async () => {
      throw new SandboxError('unavailable', '504')
    },
  })
  const replica = sandboxReplica(database, cloud)
  expect((await run(replica, 'late-answer', 'a', 'x')).status).toBe(200)
  expect(cloud.created).toHaveLength(1)
  expect(replica.sandboxes.meter.adopted).toBe(1)
  expect(cloud.extended).toEqual([{ handle: 'box-1', seconds: 7_200 }])
})

it('a creation that was interrupted long ago is made again if what it created ends before it is adopted', async () => {
  const cloud = createCloud()
  const { provider } = cloud
  let isLost = true
  const ending: typeof provider = {
    ...provider,
    async create(spec, labels, signal) {
      const made = await provider.create(spec, labels, signal)
      if (cloud.created.length === 1) throw new SandboxError('unavailable', '504')
      return made
    },
    find: async (labels, signal) => (isLost ? [] : await provider.find(labels, signal)),
    async extend(handle, seconds, signal) {
      cloud.boxes.delete('box-1')
      await provider.extend(handle, seconds, signal)
    },
  }
  const replica = sandboxReplica(database, { provider: ending })
  expect((await run(replica, 'ended', 'a', 'x')).status).toBe(503)
  isLost = false
  expect((await run(replica, 'ended', 'a', 'x')).status).toBe(200)
  expect(await rowsOf('ended')).toMatchObject([{ status: 'open', handle: 'box-2', cause: null }])
  expect(replica.sandboxes.meter).toMatchObject({ created: 1, adopted: 0 })
})

it('a creation that appears after its timeout is adopted', async () => {
  const cloud = createCloud()
  const { provider } = cloud
  const late = gate()
  const slow: typeof provider = {
    ...provider,
    async create(spec, labels, signal) {
      void late.pass().then(() => provider.create(spec, labels, signal))
      throw new SandboxError('unavailable', 'timeout')
    },
    async find(labels, signal) {
      const found = await provider.find(labels, signal)
      late.open()
      return found
    },
  }
  const replica = sandboxReplica(database, { provider: slow }, { times: { look: 3 } })
  expect((await run(replica, 'late-creation', 'a', 'x')).status).toBe(200)
  expect(cloud.created).toHaveLength(1)
})

it('a creation that never succeeds fails the call and makes the rollout ungradable, until a retry opens it', async () => {
  let works = false
  const cloud = createCloud({
    async beforeCreate() {
      if (!works) throw new SandboxError('unavailable', '429')
    },
  })
  const replica = sandboxReplica(database, cloud)
  expect(await run(replica, 'broken', 'a', 'x')).toMatchObject({
    status: 503,
    body: { error: { code: 'sandbox_unavailable' } },
  })
  expect(await rowsOf('broken')).toMatchObject([{ status: 'failed', cause: 'sandbox_unavailable' }])
  works = true
  expect((await run(replica, 'broken', 'a', 'x')).status).toBe(200)
  // The first creation may still succeed, and would be this sandbox.
  expect(await rowsOf('broken')).toMatchObject([{ status: 'open', generation: 1, cause: null }])
  expect((await grade(replica, 'broken', '')).body.score).toBe(1)
})

it('a failure to open a sandbox is never a score of 0', async () => {
  const cloud = createCloud({
    async beforeCreate() {
      throw new SandboxError('refused', 'no such template')
    },
  })
  const replica = sandboxReplica(database, cloud)
  expect((await run(replica, 'refused', 'a', 'x')).status).toBe(500)
  for (const grader of ['in_sandbox', 'plain']) {
    const graded = await grade(replica, 'refused', '', grader)
    expect([graded.status, graded.body.score]).toEqual([500, undefined])
  }
  const [ungraded] = await database.sql`select outcome from grades where run = 'default' and grader = 'plain'`
  expect(ungraded).toEqual({ outcome: 'ungradable' })
})

it('the item chooses the template', async () => {
  const cloud = createCloud()
  const { app } = sandboxReplica(database, cloud)
  const item = { repository: 'ledger' }
  await post(app, '/tools/shell', toolCall('shell', 'templates', 'a', { command: 'x' }, item))
  expect([...cloud.boxes.values()].map(({ spec }) => spec)).toEqual([
    { template: 'template-ledger', network: false, memoryMb: 512, pids: 256, diskMb: 256, ttlSeconds: 7_200 },
  ])
})

it('a call that waits for a frozen server takes its claim over, and what that server creates later is closed', async () => {
  const frozen = gate()
  let isFirst = true
  const cloud = createCloud({
    async beforeCreate() {
      if (!isFirst) return
      isFirst = false
      await frozen.pass()
    },
  })
  // Its claim is not renewed: the turns of a frozen process do not come.
  const stuck = sandboxReplica(database.another(), cloud, { times: { create: 30, lease: 30 } })
  const late = run(stuck, 'frozen', 'a', 'x')
  await frozen.reached
  await database.sql`update sandboxes set lease_until = now() - interval '1 second' where status = 'opening'`
  await database.sql`update tool_calls set lease_until = now() - interval '1 second' where outcome = 'running'`
  const alive = sandboxReplica(database, cloud)
  expect((await run(alive, 'frozen', 'b', 'y')).status).toBe(200)
  frozen.open()
  await late
  await expect.poll(() => [...cloud.boxes.keys()]).toHaveLength(1)
  const [row] = await rowsOf('frozen')
  expect([...cloud.boxes.keys()]).toEqual([row?.['handle']])
})

it('the creation of a server that has died is waited for, and adopted when it succeeds late', async () => {
  const frozen = gate()
  const looked = gate()
  let isFirst = true
  const cloud = createCloud({
    async beforeCreate() {
      if (!isFirst) return
      isFirst = false
      await frozen.pass()
    },
  })
  const dying = new AbortController()
  const dead = sandboxReplica(database.another(), cloud, { stopping: dying.signal, times: { create: 30 } })
  const unanswered = run(dead, 'late', 'a', 'x')
  await frozen.reached
  dying.abort(new Error('killed'))
  expect((await unanswered).status).toBe(500)
  const { provider } = cloud
  const looking: typeof provider = {
    ...provider,
    async find(...args) {
      const found = await provider.find(...args)
      if (found.length === 0) await looked.pass()
      return found
    },
  }
  const alive = sandboxReplica(database, { provider: looking }, { times: { look: 10, request: 10 } })
  const answer = run(alive, 'late', 'a', 'x')
  await looked.reached
  frozen.open()
  await expect.poll(() => cloud.created.length).toBe(1)
  looked.open()
  expect((await answer).status).toBe(200)
  expect(cloud.created).toHaveLength(1)
  expect(alive.sandboxes.meter).toMatchObject({ created: 0, adopted: 1 })
})

it('a place that another request gives up does not end the rollout', async () => {
  await grade(sandboxReplica(database, createCloud()), 'given-up', '', 'plain')
  const [rollout] = await database.sql<{ run: string; number: number }[]>`
    select run, number::float8 as number from rollouts where id = 'given-up'`
  const key = { run: rollout?.run ?? '', rollout: rollout?.number ?? 0, name: 'shell' }
  const place = { provider: 'cloud', host: undefined }
  const ledger = createSandboxLedger(database.sql)
  await ledger.request(key, place, { token: 'first', leaseSeconds: 60 })
  const watcher = database.another().sql
  const untilWaiting = (...kinds: readonly string[]) =>
    expect
      .poll(
        () => watcher`
          select 1 from pg_locks l join pg_stat_activity a using (pid)
          where not granted and datname = current_database() and locktype in ${watcher(kinds)}
            and query ~ 'lock table|insert into sandboxes'`,
      )
      .not.toEqual([])
  let second: ReturnType<typeof ledger.request> | undefined
  let giving: Promise<unknown> | undefined
  await database.another().sql.begin(async (tx) => {
    await tx`select 1 from rollouts where run = ${key.run} and number = ${key.rollout} for update`
    second = ledger.request(key, place, { token: 'second', leaseSeconds: 60 })
    await untilWaiting('transactionid', 'tuple')
    // This gets the table as soon as the request has seen that the place is taken, and before it reads who has it.
    giving = database.another().sql.begin(async (giver) => {
      await giver`lock table sandboxes in access exclusive mode`
      await giver`delete from sandboxes where claim = 'first'`
    })
    await untilWaiting('relation')
  })
  await giving
  expect(await second).toMatchObject({ claim: 'second', status: 'requested' })
})
