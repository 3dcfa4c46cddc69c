import { beforeAll, expect, it } from 'vitest'
import type { Hooks } from '../../../src/kit/hooks.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { prepareRolloutTables } from '../../../src/postgres/roles.ts'
import { gate, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { seeded, shopEnvironment, shopTables } from '../../support/shop.ts'

const database = useDatabase()
const { sql } = database
const shop = shopEnvironment()
const { tools, graders } = shop

function replica({ sql, db }: Pick<Database, 'sql' | 'db'> = database) {
  const rolloutTables = [{ name: 'public.orders', keep: 'end' as const }]
  return testApp({ sql, db }, { tools, graders, budget: 50, hooks: shop.environment.hooks(), rolloutTables })
}
const app = replica()

beforeAll(async () => {
  await sql.unsafe(shopTables)
  await prepareRolloutTables(database.url)
})

const rowsOf = async (id: string) => {
  const [row] = await sql<{ attempts: number; begun: number; orders: number }[]>`
    select count(*)::int as attempts, count(begun_at)::int as begun,
      (select count(*)::int from orders where rollout in (select number from rollouts where id = ${id})) as orders
    from rollouts where id = ${id}`
  return row
}

it('begins each rollout once, however many first calls arrive on two replicas at once', async () => {
  const other = replica(database.another())
  const before = shop.begun.length
  const calls = Array.from({ length: 200 }, (_, n) => {
    const call = toolCall(
      ['count', 'ship', 'cancel'][n % 3] ?? '',
      `burst_${n % 50}`,
      `c${n}`,
      n % 3 === 0 ? {} : { id: `W${(n % 20) + 1}` },
    )
    return post(n % 2 === 0 ? app : other, '/tools', call)
  })
  const answers = await Promise.all(calls)
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  for (let n = 0; n < 50; n += 1) {
    expect(await rowsOf(`burst_${n}`)).toEqual({ attempts: 1, begun: 1, orders: seeded })
  }
  expect(new Set(shop.begun.slice(before)).size).toBe(50)
  expect(answers.filter((_, n) => n % 3 === 0).every(({ body }) => body.output === String(seeded))).toBe(true)
})

it('gives a second attempt rows of its own', async () => {
  await post(app, '/tools', toolCall('cancel', 'again', 'c1', { id: 'W1' }))
  const graded = await post(app, '/graders/cancelled', gradingOf('again', 'done'))
  expect(graded.body.score).toBe(1 / seeded)
  const second = await post(app, '/tools', toolCall('count', 'again', 'c2'))
  expect(second.body.output).toBe(String(seeded))
  expect(await rowsOf('again')).toEqual({ attempts: 2, begun: 2, orders: 2 * seeded })
  const regraded = await post(app, '/graders/cancelled', gradingOf('again', 'other'))
  expect(regraded.body.score).toBe(0)
})

it('begins a rollout that is graded without a call', async () => {
  const graded = await post(app, '/graders/cancelled', gradingOf('only graded', 'done'))
  expect([graded.status, graded.body.score]).toEqual([200, 0])
  expect(await rowsOf('only graded')).toEqual({ attempts: 1, begun: 1, orders: seeded })
})

it('answers 422 for an item that begin refuses, and stores nothing', async () => {
  const item = { question: 'refuse' }
  const called = await post(app, '/tools', toolCall('count', 'refused', 'c1', {}, item))
  const graded = await post(app, '/graders/cancelled', gradingOf('refused', 'x', item))
  for (const { status, body } of [called, graded]) {
    expect([status, body.error]).toMatchObject([422, { code: 'item_refused', message: 'the letter names no order' }])
  }
  expect(await rowsOf('refused')).toEqual({ attempts: 0, begun: 0, orders: 0 })
})

it('runs begin again when it has failed, and grades no rollout whose call could not begin', async () => {
  const item = { question: 'fail' }
  const failed = await post(app, '/tools', toolCall('count', 'failing', 'c1', {}, item))
  expect(failed.status).toBe(500)
  expect((await post(app, '/graders/cancelled', gradingOf('failing', 'x', item))).body.error?.code).toBe(
    'rollout_has_failed_call',
  )
  const other = await post(app, '/tools', toolCall('count', 'other failing', 'c1', {}, item))
  expect(other.status).toBe(500)
  const retried = await post(app, '/tools', toolCall('count', 'other failing', 'c1', {}, item))
  expect([retried.status, retried.body.output]).toEqual([200, String(seeded)])
  expect(await rowsOf('other failing')).toEqual({ attempts: 1, begun: 1, orders: seeded })
})

it('answers a retry of the first call from the ledger', async () => {
  const call = toolCall('cancel', 'retried', 'c1', { id: 'W1' })
  const first = await post(app, '/tools', call)
  const retry = await post(app, '/tools', call)
  expect([first.body.output, retry.body.output]).toEqual(['1', '1'])
  expect(await rowsOf('retried')).toEqual({ attempts: 1, begun: 1, orders: seeded })
})

it('begins on another replica when the one that was beginning is lost, once', async () => {
  const held = gate()
  const { begin } = shop.environment.hooks()
  let isFirst = true
  const hooks: Hooks = {
    async begin(context) {
      await begin?.(context)
      if (!isFirst) return
      isFirst = false
      await held.pass()
    },
  }
  const rolloutTables = [{ name: 'public.orders', keep: 'end' as const }]
  const [lost, other] = [database.another(), database.another()].map(({ sql, db }) =>
    testApp({ sql, db }, { tools, graders, budget: 50, hooks, rolloutTables }),
  )
  if (lost === undefined || other === undefined) throw new Error('there are two replicas')
  const first = post(lost, '/tools', toolCall('count', 'lost', 'c1'))
  await held.reached
  const second = post(other, '/tools', toolCall('cancel', 'lost', 'c2', { id: 'W1' }))
  const killed = await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and state = 'idle in transaction'`
  expect(killed.length).toBe(1)
  held.open()
  expect((await first).status).toBe(503)
  expect((await second).body.output).toBe('1')
  expect((await post(other, '/tools', toolCall('count', 'lost', 'c1'))).body.output).toBe(String(seeded))
  expect(await rowsOf('lost')).toEqual({ attempts: 1, begun: 1, orders: seeded })
})
