import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { serve } from '@hono/node-server'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createTurns } from '../../../../src/base/turns.ts'
import { defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  effects: 'none',
  run: () => 'seen',
})

it('eight items of 60,000 keys that arrive together leave room for other requests between them', async () => {
  const server = serve({ fetch: testApp(database, { tools: [look] }).fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = z.object({ port: z.number() }).parse(server.address())
  const client = fileURLToPath(new URL('../../../support/agent-rft/healthz-between.ts', import.meta.url))
  const args = ['--import', import.meta.resolve('tsx'), client, `http://127.0.0.1:${port}`]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  server.close()
  const { answers, statuses } = z
    .object({ answers: z.number(), statuses: z.array(z.number()) })
    .parse(JSON.parse(stdout))
  expect(statuses).toEqual(Array.from({ length: 8 }, () => 200))
  // Each is parsed, hashed and run in turns of its own.
  expect(answers).toBeGreaterThanOrEqual(8)
})

it('large pieces of work run one a turn of the event loop, in the order in which they came; small ones at once', async () => {
  const turns = createTurns()
  expect(turns.take(1_000)).toBeUndefined()
  const order: string[] = []
  const pieces = ['a', 'b', 'c'].map(async (name) => {
    await turns.take(1_000_000)
    order.push(name)
    setImmediate(() => order.push(`after ${name}`))
  })
  await Promise.all(pieces)
  expect(order).toEqual(['a', 'after a', 'b', 'after b', 'c'])
})
