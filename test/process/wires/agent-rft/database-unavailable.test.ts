import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Database } from '../../../../src/postgres/database.ts'
import { type Embedded, startEmbedded } from '../../../../src/postgres/embedded/embedded.ts'
import { migrate } from '../../../../src/postgres/migrate.ts'
import {
  defineGrader,
  defineTool,
  gate,
  gradingOf,
  keepingLog,
  open,
  post,
  testApp,
  toolCall,
} from '../../../support/app.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()
let embedded: Embedded
let entrance: Server
let database: Database

// This file's own Postgres is stopped and started for real. It comes back on another port, so a proxy on a fixed port
// leads to it.
beforeAll(async () => {
  await start()
  entrance = createServer((client) => {
    const server = connect(Number(new URL(embedded.url).port), '127.0.0.1')
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => {}).on('close', () => other.destroy())
    }
    client.pipe(server).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(entrance, 'listening')
  const { port } = z.object({ port: z.number() }).parse(entrance.address())
  await migrate(embedded.url)
  const url = new URL(embedded.url)
  url.port = String(port)
  database = open(url.href)
})

afterAll(async () => {
  await database.close()
  entrance.close()
  await embedded.stop()
})

async function start() {
  const bases = [join(folder, 'bases')]
  embedded = await startEmbedded({ dir: join(folder, 'data'), bases, durable: false })
}

const one = defineGrader({ name: 'one', version: '1', grade: ({ trajectory }) => Math.min(1, trajectory.length) })

/** A tool of each kind: each run waits at the gate. */
function toolsAt(held: { pass(): Promise<void> }) {
  const runs = { none: 0, database: 0, external: 0 }
  const of = (effects: keyof typeof runs) => async () => {
    runs[effects] += 1
    await held.pass()
    return effects
  }
  const head = (name: string) => ({ name, description: 'Waits.', input: z.object({}) })
  const tools = [
    defineTool({ ...head('none'), effects: 'none', run: of('none') }),
    defineTool({ ...head('database'), effects: 'database', run: of('database') }),
    defineTool({ ...head('external'), effects: 'external', run: of('external') }),
  ]
  return { tools, runs }
}

const kinds = ['none', 'database', 'external'] as const

describe('a server whose database is unavailable', () => {
  it('answers 503 with Retry-After, is alive but not ready, and recovers by itself', async () => {
    const held = gate()
    held.open()
    const log = keepingLog()
    const app = testApp(database, { tools: toolsAt(held).tools, graders: [one], log })
    const kept = await post(app, '/tools/none', toolCall('none', 'before', 'a'))
    expect(kept.status).toBe(200)
    await embedded.stop()

    const requests = [
      ...kinds.map((kind) => [`/tools/${kind}`, toolCall(kind, 'unavailable', kind)] as const),
      ['/tools/none', toolCall('none', 'before', 'a')] as const,
      ['/tools/nothing', toolCall('nothing', 'before', 'b')] as const,
      ['/tools/none', {}] as const,
      ['/grade', gradingOf('before', 'x')] as const,
    ]
    for (const [path, body] of requests) {
      const answer = await post(app, path, body)
      expect([path, answer.status, answer.body.error?.code]).toEqual([path, 503, 'database_unavailable'])
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(Object.keys(answer.body)).toEqual(['error'])
    }
    const ready = await app.request('/readyz')
    expect([ready.status, ready.headers.has('retry-after')]).toEqual([503, true])
    expect(await ready.json()).toMatchObject({ error: { code: 'database_unavailable' } })
    expect((await app.request('/healthz')).status).toBe(200)
    expect(log.lines.filter(({ facts }) => facts['code'] === 'database_unavailable').length).toBeGreaterThan(0)

    await start()
    await expect.poll(async () => (await app.request('/readyz')).status, { timeout: 10_000 }).toBe(200)
    for (const [path, body] of requests) expect([path, (await post(app, path, body)).status]).toEqual([path, 200])
    const again = await post(app, '/tools/none', toolCall('none', 'before', 'a'))
    expect([again.text, again.headers.get('x-replayed')]).toEqual([kept.text, 'true'])
  })

  it.each(kinds)(
    'fails or keeps a call with effects %s that was running when it stopped, and never grades the gap',
    async (kind) => {
      const held = gate()
      const { tools } = toolsAt(held)
      const app = testApp(database, { tools, graders: [one], limits: { leaseSeconds: 1 } })
      const call = toolCall(kind, `stopped-${kind}`, 'a')
      const running = post(app, `/tools/${kind}`, call)
      await held.reached
      await embedded.stop()
      held.open()
      const answers = await Promise.all([running, post(app, '/grade', gradingOf(`stopped-${kind}`, 'x'))])
      for (const { status, body } of answers) {
        expect(status).toBeGreaterThanOrEqual(500)
        expect(body).not.toHaveProperty('score')
      }
      await start()
      const retried = async () => (await post(app, `/tools/${kind}`, call)).body.output
      await expect.poll(retried, { timeout: 15_000 }).toBe(kind)
      expect((await post(app, '/grade', gradingOf(`stopped-${kind}`, 'x'))).body).toEqual({ score: 1 })
      const rows = await database.sql`select seq, outcome from ledger.calls where rollout_id = ${`stopped-${kind}`}`
      expect([...rows]).toEqual([{ seq: 1, outcome: 'ok' }])
    },
  )

  it('remembers every call that failed meanwhile, even one that would have been refused', async () => {
    const held = gate()
    held.open()
    const app = testApp(database, { tools: toolsAt(held).tools, graders: [one] })
    const names = [...kinds, 'unknown']
    for (const name of names) {
      expect((await post(app, '/tools/none', toolCall('none', `remembered-${name}`, 'a'))).status).toBe(200)
    }
    await embedded.stop()
    for (const name of names) {
      expect((await post(app, `/tools/${name}`, toolCall(name, `remembered-${name}`, 'b'))).status).toBe(503)
    }
    await start()
    // The calls are never retried, and the trainer asks for a score anyway.
    await expect.poll(async () => (await app.request('/readyz')).status, { timeout: 10_000 }).toBe(200)
    for (const name of names) {
      // While the pool reconnects, another 5xx is fine, but never a score.
      const grading = async () => {
        const { body } = await post(app, '/grade', gradingOf(`remembered-${name}`, 'x'))
        return body.error?.code ?? 'scored'
      }
      const codes = [await grading()]
      while (codes.at(-1) === 'database_unavailable' && codes.length < 50) codes.push(await grading())
      expect([name, codes.at(-1)]).toEqual([name, 'rollout_has_failed_call'])
    }
  })
})
