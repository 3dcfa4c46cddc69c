import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHttpServer, type PeerTimeouts } from '../../../src/server/http/http-server.ts'
import { gate } from '../../support/app.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A server with short timeouts and three routes: one reads, one waits at a gate and one sends a large answer. */
async function startServer(timeouts: Partial<PeerTimeouts> = {}) {
  const held = gate()
  const app = new Hono()
  app.post('/read', async (c) => c.text(await c.req.text()))
  app.post('/wait', async (c) => {
    await held.pass()
    return c.text('answered')
  })
  app.get('/large', (c) => c.text('x'.repeat(50_000_000)))
  const { server } = createHttpServer(app.fetch, {
    timeouts: { head: 60, request: 60, answer: 60, idle: 60, ...timeouts },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.object({ port: z.number() }).parse(server.address())
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  const send = (text: string) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    closers.push(() => socket.destroy())
    socket.write(text)
    return socket
  }
  return { held, server, send }
}

/** Everything that is received on a connection until it closes. */
async function receivedOn(socket: Socket): Promise<string> {
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  await once(socket, 'close')
  return received
}

const late = /^HTTP\/1\.1 503 Service Unavailable\r\nretry-after: 1\r\n.*"code":"request_timed_out"/s

describe('the HTTP server', () => {
  it.each([
    ['whose head never ends', 'POST /read HTTP/1.1\r\nhost: x\r\n'],
    ['whose body never ends', 'POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc'],
    ['whose chunks never end', 'POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('answers a request %s with a status that is retried', async (_, text) => {
    const { send } = await startServer({ head: 0.3, request: 0.3 })
    expect(await receivedOn(send(text))).toMatch(late)
  })

  it('closes a connection on which no request ever arrives', async () => {
    const { send } = await startServer({ head: 0.3, request: 0.3 })
    expect(await receivedOn(send(''))).toMatch(/^(HTTP\/1\.1 503 .*)?$/s)
  })

  it('disconnects a client that does not read the answer, and not one that reads it slowly', async () => {
    const { server, send } = await startServer({ answer: 1 })
    const accepted = once(server, 'connection')
    const stalled = send('GET /large HTTP/1.1\r\nhost: x\r\n\r\n')
    stalled.pause()
    const [connection]: Socket[] = await accepted
    if (connection === undefined) throw new Error('no connection')
    await once(connection, 'close')

    const slow = send('GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    let bytes = 0
    for await (const chunk of slow) {
      const before = bytes
      bytes += z.instanceof(Buffer).parse(chunk).byteLength
      // Twenty pauses, each shorter than the server's timeout but longer than it in total.
      if (Math.floor(bytes / 2_500_000) > Math.floor(before / 2_500_000)) await sleep(100)
    }
    expect(bytes).toBeGreaterThan(50_000_000)
  })

  it('sets no limit on how long a handler takes', async () => {
    const { held, send } = await startServer({ answer: 0.2, idle: 0.2, head: 0.2, request: 0.2 })
    const socket = send('POST /wait HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
    const received = receivedOn(socket)
    await held.reached
    await sleep(1_000)
    expect(socket.readyState).toBe('open')
    held.open()
    // No further request follows.
    expect(await received).toMatch(/^HTTP\/1\.1 200 OK.*answered$/s)
  })

  it.each([
    ['that is invalid', 'nonsense\r\n\r\n', 400, 'bad_request'],
    ['with headers of a megabyte', `GET / HTTP/1.1\r\nx: ${'y'.repeat(1_000_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ])('answers a request %s in the shape of all errors', async (_, text, status, code) => {
    const { send } = await startServer()
    const received = await receivedOn(send(text))
    expect(received.startsWith(`HTTP/1.1 ${status} `)).toBe(true)
    expect(JSON.parse(received.slice(received.indexOf('\r\n\r\n')))).toMatchObject({ error: { code } })
  })
})
