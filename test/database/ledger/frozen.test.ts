import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { sql as query } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { Database } from '../../../src/postgres/database.ts'
import { defineTool, open, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const home = useDatabase()
let database: Database
let elsewhere: Database
let entrance: Server
let frozen = 0

// To the database, a frozen or disconnected process is a connection on which nothing arrives. Here it is the first two
// connections, when they are about to commit.
beforeAll(async () => {
  const { hostname, port } = new URL(home.url)
  entrance = createServer((client) => {
    const server = connect(Number(port || 5432), hostname)
    let isFrozen = false
    client.on('data', (chunk) => {
      if (frozen < 2 && chunk.includes('commit\0')) {
        isFrozen = true
        frozen += 1
      }
      if (!isFrozen) server.write(chunk)
    })
    server.on('data', (chunk) => client.write(chunk))
    client.on('error', () => {}).on('close', () => server.destroy())
    server.on('error', () => {}).on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(entrance, 'listening')
  const url = new URL(home.url)
  url.host = `127.0.0.1:${z.object({ port: z.number() }).parse(entrance.address()).port}`
  database = open(url.href)
  elsewhere = open(home.url)
  await elsewhere.sql`create table effects (call text)`
})

afterAll(async () => {
  await Promise.all([database.close(), elsewhere.close()])
  entrance.close()
})

describe('a replica that is frozen when it is about to commit', () => {
  it('delays the calls of its rollouts on other replicas, and the records batched with them, only briefly', async () => {
    const head = { description: 'Acts.', input: z.object({}) }
    const tools = [
      defineTool({
        ...head,
        name: 'write',
        effects: 'database',
        async run({ tx, callId }) {
          await tx.execute(query`insert into effects values (${callId})`)
          return 'written'
        },
      }),
      defineTool({
        ...head,
        name: 'act',
        effects: 'external',
        run({ updateState }) {
          updateState((state) => void state.notes.push('acted'))
          return 'acted'
        },
      }),
      defineTool({ ...head, name: 'read', effects: 'none', run: () => 'seen' }),
    ]
    const here = testApp(database, { tools })
    const there = testApp(elsewhere, { tools })
    const stuck = [
      post(here, '/tools/write', toolCall('write', 'frozen', 'a')),
      post(here, '/tools/act', toolCall('act', 'frozen-outside', 'a', {}, { question: 'outside' })),
    ]
    await vi.waitFor(() => expect(frozen).toBe(2), 15_000)
    const answers = await Promise.all([
      post(there, '/tools/read', toolCall('read', 'frozen', 'b')),
      post(there, '/tools/read', toolCall('read', 'at-ease', 'a')),
      post(there, '/tools/write', toolCall('write', 'frozen-outside', 'b')),
    ])
    expect(answers.map(({ body }) => body.output)).toEqual(['seen', 'seen', 'written'])
    await Promise.all(stuck)
    const retries = await Promise.all([
      post(there, '/tools/write', toolCall('write', 'frozen', 'a')),
      post(there, '/tools/act', toolCall('act', 'frozen-outside', 'a')),
    ])
    expect(retries.map(({ body }) => body.output)).toEqual(['written', 'acted'])
    expect(await elsewhere.sql`select from effects where call = 'a'`).toHaveLength(1)
    const rows = await elsewhere.sql`select state from rollouts where id = 'frozen-outside'`
    expect([...rows]).toEqual([{ state: { notes: ['acted'] } }])
  })
})
