import { sql as query } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import type { Database } from '../../../src/postgres/database.ts'
import { defineTool, gate, open, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { type HoldingProxy, startHoldingProxy } from '../../support/proxy.ts'

const home = useDatabase()
let proxy: HoldingProxy
let database: Database
let elsewhere: Database

beforeAll(async () => {
  proxy = await startHoldingProxy(home.url)
  database = open(proxy.url)
  elsewhere = open(home.url)
})

afterAll(async () => {
  await proxy.close()
  await Promise.all([database.close(), elsewhere.close()])
})

it('a replica that is frozen while its tools run loses their locks, during a statement and between two', async () => {
  const held = gate()
  const head = { name: 'write', description: 'Writes.', input: z.object({}) }
  const stuck = defineTool({
    ...head,
    timeoutSeconds: 2,
    effects: 'database',
    async run({ tx, callId }) {
      if (callId === 'busy') await tx.execute(query`select pg_sleep(600)`)
      else await held.pass()
      return 'too late'
    },
  })
  const here = testApp(database, { tools: [stuck] })
  const there = testApp(elsewhere, { tools: [defineTool({ ...head, effects: 'database', run: () => 'written' })] })
  const rollouts = ['busy', 'idle']
  let ended = 0
  for (const rollout of rollouts) {
    const call = post(here, '/tools/write', toolCall('write', rollout, rollout))
    call
      .catch(() => undefined)
      .finally(() => {
        ended += 1
      })
  }
  const asleep = () =>
    elsewhere.sql`select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`
  await Promise.all([held.reached, expect.poll(asleep, { timeout: 10_000 }).toHaveLength(1)])
  // From here on the database receives nothing from this replica: no cancellation, no rollback, no further statement.
  proxy.hold('to server', '')
  expect(ended).toBe(0)
  const next = rollouts.map((rollout) => post(there, '/tools/write', toolCall('write', rollout, 'next')))
  expect((await Promise.all(next)).map(({ body }) => body.output)).toEqual(['written', 'written'])
  held.open()
}, 50_000)
