import { afterAll, beforeAll, expect, it } from 'vitest'
import { readItems } from '../../../src/workbench/simulate/agent.ts'
import { testApp } from '../../../test/support/app.ts'
import { useDatabase } from '../../../test/support/database.ts'
import { listening, rewardsOver } from '../../../test/support/simulate/over-wires.ts'
import { environment } from '../schema/environment.ts'
import { agents } from './agents.ts'
import { startShop } from './start-shop.ts'

const database = useDatabase()
let shop: Awaited<ReturnType<typeof startShop>>
let server: Awaited<ReturnType<typeof listening>>

beforeAll(async () => {
  shop = await startShop(database.url)
  const { readItem, submit } = environment
  server = await listening(testApp(database, { ...shop.deps, readItem, submit }))
})
afterAll(async () => {
  await server.close()
  await shop.mails.close()
})

it('the shop has the same rewards over every wire', async () => {
  const items = await readItems(new URL('dataset.jsonl', import.meta.url).pathname, 6)
  const played = { url: server.url, agents, items, group: 1 }
  const plain = await rewardsOver('agent-rft', played)
  expect(Object.values(plain).filter((reward) => typeof reward !== 'number')).toEqual([])
  expect(new Set(Object.values(plain)).size).toBeGreaterThan(2)
  for (const wire of ['nemo-gym', 'ors', 'mcp'] as const) {
    expect([wire, await rewardsOver(wire, played)]).toEqual([wire, plain])
  }
}, 60_000)
