import { once } from 'node:events'
import { connect } from 'node:net'
import { serve } from '@hono/node-server'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Limits } from '../../../src/base/limits.ts'
import {
  admittingApp,
  defineGrader,
  defineTool,
  gate,
  gradingOf,
  keepingLog,
  post,
  testApp,
  toolCall,
} from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const closers: (() => void)[] = []

afterAll(async () => {
  for (const close of closers) close()
})

/** A server on a socket with a tool that waits at a gate, and the number of its running calls. */
async function startServer(limits: Partial<Limits>) {
  const held = gate()
  const counted = { running: 0 }
  const tool = defineTool({
    ...{ name: 'wait', description: 'Waits.', input: z.object({}) },
    effects: 'external',
    async run() {
      counted.running += 1
      await held.pass()
      return 'done'
    },
  })
  const log = keepingLog()
  const graders = [defineGrader({ name: 'one', version: '1', grade: () => 1 })]
  const served = admittingApp(database, { tools: [tool], graders, limits, log })
  const server = serve({ fetch: served, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  closers.push(() => server.close())
  const { port } = z.object({ port: z.number() }).parse(server.address())
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    const answer = z.looseObject({ output: z.string().optional(), error: z.object({ code: z.string() }).optional() })
    return { status: response.status, headers: response.headers, body: answer.parse(await response.json()) }
  }
  const call = (rollout: string, padding = '') =>
    ask('/tools/wait', { method: 'POST', body: JSON.stringify(toolCall('wait', rollout, 'a', {}, { padding })) })
  return { held, counted, log, port, ask, call }
}

/** Sends the head of a request and the beginning of its body, and returns the head of the answer. */
async function beginRequest(port: number, head: string, begin = '{"beg'): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`POST /tools/wait HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\n${begin}`)
  const [chunk] = await once(socket, 'data')
  socket.destroy()
  return String(chunk)
}

describe('a server with the maximum of requests in flight', () => {
  it('refuses further requests before their bodies are read, and finishes those in flight', async () => {
    const { held, counted, log, port, ask, call } = await startServer({ maxRequestsInFlight: 3 })
    const running = ['full-1', 'full-2', 'full-3'].map((rollout) => call(rollout))
    await expect.poll(() => counted.running).toBe(3)
    expect((await ask('/readyz')).status).toBe(200)

    const refused = await call('full-4')
    expect([refused.status, refused.body.error?.code]).toEqual([503, 'overloaded'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const grading = await ask('/grade', { method: 'POST', body: JSON.stringify(gradingOf('full-1', 'x')) })
    expect([grading.status, grading.body.error?.code]).toEqual([503, 'overloaded'])
    // The rest of this body never comes.
    expect(await beginRequest(port, 'content-length: 1000')).toMatch(/^HTTP\/1\.1 503 .*"overloaded"/s)

    expect((await ask('/healthz')).status).toBe(200)
    const ready = await ask('/readyz')
    expect([ready.status, ready.body.error?.code]).toEqual([503, 'overloaded'])

    held.open()
    for (const { status, body } of await Promise.all(running)) expect([status, body.output]).toEqual([200, 'done'])
    expect((await ask('/readyz')).status).toBe(200)
    expect((await call('full-4')).status).toBe(200)
    const said = log.lines.filter(({ facts }) => 'requests' in facts || 'refused' in facts)
    expect(said.map(({ level, facts }) => [level, facts['code'], facts['refused']])).toEqual([
      ['error', 'overloaded', undefined],
      ['warn', 'overload_over', 3],
    ])
  })

  it('also counts the bytes of bodies, and assumes the maximum for one of unknown length', async () => {
    const limits = { maxBytesInFlight: 10_000, maxBodyBytes: 6_000 }
    const { held, counted, port, call } = await startServer(limits)
    const running = [call('bytes-1', 'x'.repeat(5_000))]
    await expect.poll(() => counted.running).toBe(1)
    expect((await call('bytes-2', 'x'.repeat(5_000))).status).toBe(503)
    expect(await beginRequest(port, 'transfer-encoding: chunked', '5\r\n{"beg')).toMatch(/^HTTP\/1\.1 503 /)
    running.push(call('bytes-3', 'x'.repeat(1_000)))
    await expect.poll(() => counted.running).toBe(2)
    held.open()
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200])
    expect((await call('bytes-2', 'x'.repeat(5_000))).status).toBe(200)
  })

  it('is not reached by 500 calls that wait for an external service plus a burst of 3,000', async () => {
    const held = gate()
    const running = { calls: 0 }
    const wait = defineTool({
      ...{ name: 'wait', description: 'Waits.', input: z.object({}) },
      effects: 'external',
      async run() {
        running.calls += 1
        await held.pass()
        return 'done'
      },
    })
    const read = defineTool({
      ...{ name: 'read', description: 'R.', input: z.object({}) },
      effects: 'none',
      run: () => 'r',
    })
    const app = testApp(database, { tools: [wait, read], budget: undefined })
    const size = { 'content-length': '20000' }
    const waiting = Array.from({ length: 500 }, (_, n) =>
      post(app, '/tools/wait', toolCall('wait', `burst-${n}`, 'w'), size),
    )
    await expect.poll(() => running.calls, { timeout: 15_000 }).toBe(500)
    const burst = Array.from({ length: 3_000 }, (_, n) =>
      post(app, '/tools/read', toolCall('read', `burst-${n % 500}`, `r${n}`), size),
    )
    expect(new Set((await Promise.all(burst)).map(({ status }) => status))).toEqual(new Set([200]))
    held.open()
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([200]))
  })
})
