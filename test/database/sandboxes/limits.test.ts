import { expect, it } from 'vitest'
import type { SandboxLabels } from '../../../src/runtime/sandbox/provider.ts'
import { gate } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { createCloud } from '../../support/sandbox/cloud.ts'
import { run, sandboxReplica } from '../../support/sandbox/shell.ts'

const database = useDatabase()

const close = async (cloud: ReturnType<typeof createCloud>, ids: string) => {
  await database.sql`update rollouts set ended_at = now(), released_at = now() where id like ${ids}`
  await sandboxReplica(database, cloud).sandboxes.reap()
}

it('two replicas hold both caps: that of open sandboxes, and that of those that are opening', async () => {
  const both = gate()
  let begun = 0
  const cloud = createCloud({
    async beforeCreate() {
      begun += 1
      if (begun === 2) both.open()
      await both.pass()
    },
  })
  const caps = { open: 6, opening: 2 }
  const one = sandboxReplica(database, cloud, { caps })
  const replicas = [one, sandboxReplica(database.another(), cloud, { caps })]
  const calls = Array.from({ length: 12 }, (_, n) => run(replicas[n % 2 === 0 ? 0 : 1] ?? one, `capped-${n}`, 'a', 'x'))
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(6)
  expect([cloud.most, cloud.mostCreating]).toEqual([6, 2])
  await close(cloud, 'capped-%')
  expect(cloud.boxes.size).toBe(0)
})

it('a call without a place in time is a 503 with Retry-After, and is not recorded', async () => {
  const cloud = createCloud()
  const replica = sandboxReplica(database, cloud, { caps: { open: 1, opening: 1 }, times: { wait: 0.3 } })
  expect((await run(replica, 'place-1', 'a', 'x')).status).toBe(200)
  const refused = await run(replica, 'place-2', 'a', 'x')
  expect([refused.status, refused.body.error?.code]).toEqual([503, 'sandbox_queue_full'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const calls = await database.sql`
    select c.outcome from tool_calls c join rollouts r on r.number = c.rollout where r.id = 'place-2'`
  expect(calls).toHaveLength(0)
  await close(cloud, 'place-1')
  expect((await run(replica, 'place-2', 'a', 'x')).status).toBe(200)
  await close(cloud, 'place-%')
})

it('places are given in order within a run, and in turn between runs', async () => {
  const order: string[] = []
  const first = gate()
  const numbers = new Map<string, string>()
  const cloud = createCloud({
    async beforeCreate({ rollout }: SandboxLabels) {
      order.push(rollout)
      if (order.length === 1) await first.pass()
    },
  })
  const caps = { open: 100, opening: 1 }
  const replica = sandboxReplica(database, cloud, { caps, times: { wait: 20, create: 20 } })
  const calls = [run(replica, 'fair-0', 'a', 'x', '/runs/many')]
  await first.reached
  for (const [id, of] of [
    ['fair-1', 'many'],
    ['fair-2', 'many'],
    ['fair-3', 'many'],
    ['fair-4', 'one'],
    ['fair-5', 'two'],
  ] as const) {
    calls.push(run(replica, id, 'a', 'x', `/runs/${of}`))
    await expect
      .poll(() => database.sql`select 1 from sandboxes s join rollouts r on r.number = s.rollout where r.id = ${id}`)
      .toHaveLength(1)
  }
  first.open()
  await Promise.all(calls)
  for (const { id, number } of await database.sql<{ id: string; number: string }[]>`
    select id, number::text from rollouts where id like 'fair-%'`) {
    numbers.set(number, id)
  }
  expect(order.map((number) => numbers.get(number))).toEqual([
    'fair-0',
    'fair-4',
    'fair-5',
    'fair-1',
    'fair-2',
    'fair-3',
  ])
  await close(cloud, 'fair-%')
})

it('the place of a server that died in the queue is given to others', async () => {
  const cloud = createCloud()
  const caps = { open: 1, opening: 1 }
  const replica = sandboxReplica(database, cloud, { caps, times: { wait: 5 } })
  expect((await run(replica, 'dead-0', 'a', 'x')).status).toBe(200)
  const waiting = run(sandboxReplica(database.another(), cloud, { caps, times: { wait: 0.3 } }), 'dead-1', 'a', 'x')
  expect((await waiting).status).toBe(503)
  await database.sql`
    insert into sandboxes (run, rollout, name, status, provider, claim, lease_until)
    select run, number, 'shell', 'requested', 'cloud', 'dead', now() - interval '1 second' from rollouts where id = 'dead-1'`
  const next = run(replica, 'dead-2', 'a', 'x')
  await close(cloud, 'dead-0')
  expect((await next).status).toBe(200)
  await close(cloud, 'dead-%')
})
