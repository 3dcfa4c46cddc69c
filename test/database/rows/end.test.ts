import { beforeAll, expect, it } from 'vitest'
import { createEnder } from '../../../src/core/end.ts'
import type { EndContext } from '../../../src/kit/environment.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { prepareRolloutTables } from '../../../src/postgres/roles.ts'
import { createRowScope } from '../../../src/postgres/scoped-db.ts'
import { loadSettings } from '../../../src/server/config/config.ts'
import { createEndHook } from '../../../src/server/end-hook.ts'
import { graderServices } from '../../../src/workbench/regrade/services.ts'
import { gate, gradingOf, keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { orders, seeded, shopEnvironment, shopTables } from '../../support/shop.ts'

const database = useDatabase()
const { sql } = database
const shop = shopEnvironment()
const never = new AbortController().signal
const rolloutTables = [{ name: 'public.orders', keep: 'end' as const }]
const rows = () => createRowScope(database.db, rolloutTables)
const app = testApp(database, { ...shop, hooks: shop.environment.hooks(), rolloutTables })
const ledger = createLedger({ ...database, budget: undefined, tables: rolloutTables, now: Date.now })
const seen: unknown[] = []
const ender = createEnder({
  ledger,
  log: keepingLog(),
  hasRows: true,
  waitSeconds: 1,
  leaseSeconds: 30,
  stopping: never,
  hook: async ({ number, outcome }) => {
    seen.push([outcome, await rows()?.of(number).$count(orders)])
  },
})

beforeAll(async () => {
  await sql.unsafe(shopTables)
  await prepareRolloutTables(database.url)
})

const left = async (): Promise<unknown> => (await sql`select count(*)::int as n from orders`)[0]?.['n']

it('deletes the rows of a rollout that ends, after its hook has read them, and of no other', async () => {
  for (const id of ['one', 'two', 'three']) await post(app, '/tools', toolCall('cancel', id, 'c1', { id: 'W1' }))
  await post(app, '/graders/cancelled', gradingOf('one', 'done'))
  expect(await left()).toBe(3 * seeded)
  await ender.end({ run: 'default', rolloutId: 'one' })
  await ender.end({ run: 'default', rolloutId: 'two' })
  expect(seen).toEqual([
    ['graded', seeded],
    ['closed', seeded],
  ])
  expect(await left()).toBe(seeded)
  await ender.deleteRun('default')
  expect(await left()).toBe(0)
})

it('fails the statements of a hook whose rollout another process has ended, instead of showing it no rows', async () => {
  await post(app, '/tools', toolCall('cancel', 'taken over', 'c1', { id: 'W1' }))
  const held = gate()
  let failure: unknown
  const hooks = {
    end: async ({ db }: Pick<EndContext, 'db'>) => {
      await held.pass()
      await db.$count(orders).catch((error: unknown) => {
        failure = error
        throw error
      })
    },
  }
  const log = keepingLog()
  const hook = createEndHook({ hooks, database: { db: database.db, rolloutTables } })
  const times = { waitSeconds: 1, leaseSeconds: 600 }
  const frozen = createEnder({ ledger, log, hasRows: true, ...times, stopping: never, hook })
  const name = { run: 'default', rolloutId: 'taken over' }
  const first = frozen.end(name).catch((error: unknown) => error)
  await held.reached
  await sql`update rollouts set lease_until = now() - interval '1 second' where id = 'taken over'`
  await ender.end(name)
  expect(await left()).toBe(0)
  held.open()
  expect(await first).toBeUndefined()
  expect(failure).toMatchObject({ cause: { message: 'another process has ended the rollout' } })
  expect(log.lines).toEqual([])
})

it('begins anew under the id of a rollout that has ended', async () => {
  await post(app, '/tools', toolCall('cancel', 'again', 'c1', { id: 'W1' }))
  await ender.end({ run: 'default', rolloutId: 'again' })
  const { body } = await post(app, '/tools', toolCall('count', 'again', 'c1'))
  expect(body.output).toBe(String(seeded))
  const graded = await post(app, '/graders/cancelled', gradingOf('again', 'done'))
  expect(graded.body.score).toBe(0)
})

it('is not graded again once its rows are deleted', async () => {
  await post(app, '/tools', toolCall('cancel', 'regraded', 'c1', { id: 'W1' }))
  const [attempt] = await sql<{ number: string }[]>`select number from rollouts where id = 'regraded'`
  const subject = {
    id: 1,
    run: 'default',
    rolloutId: 'regraded',
    number: Number(attempt?.number),
    sampleHash: '',
    isDone: false,
  }
  const { config } = loadSettings({ PORT: '8000' }, shop.environment.settings)
  const { dbOf } = graderServices(config, { ...database, rolloutTables }, never)
  expect(await (await dbOf?.(subject))?.$count(orders)).toBe(seeded)
  await ender.end({ run: 'default', rolloutId: 'regraded' })
  await expect(dbOf?.(subject)).rejects.toMatchObject({ code: 'rollout_rows_deleted' })
})
