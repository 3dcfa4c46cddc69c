import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Fault } from '../../../../src/workbench/simulate/deliver.ts'
import { type DeliverySettings, deliver, NotDelivered } from '../../../../src/workbench/simulate/deliver.ts'
import { maxBodyBytes } from '../../../../src/workbench/simulate/send.ts'
import { gate } from '../../../support/app.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, turn: number, body: string) => void

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A server that answers with the handler, and records the bodies that it receives. */
async function serve(handler: Handler): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      bodies.push(body)
      handler(request, response, bodies.length, body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}/tools/x`, bodies }
}

const settings = (fault?: Fault): DeliverySettings => {
  let planned = fault
  return {
    headers: { authorization: 'Bearer key' },
    timeoutSeconds: 0.5,
    pauseMs: 1,
    fault: () => {
      const once = planned
      planned = undefined
      return once
    },
  }
}
const { signal } = new AbortController()

describe('a request of the simulated trainer', () => {
  it('is sent as JSON with the given headers, and a status below 500 is an answer', async () => {
    const { url } = await serve((request, response, _, body) => {
      response.statusCode = 404
      response.end(
        JSON.stringify([request.method, request.headers['content-type'], request.headers.authorization, body]),
      )
    })
    const { status, text, attempts, errors } = await deliver(url, { a: 1 }, settings(), signal)
    expect([status, attempts, errors]).toEqual([404, 1, []])
    expect(JSON.parse(text)).toEqual(['POST', 'application/json', 'Bearer key', '{"a":1}'])
  })

  it('is retried three times after a 5xx, a lost connection or a timeout, with the same body', async () => {
    const { url, bodies } = await serve((_, response, turn) => {
      if (turn === 1) response.writeHead(503).end()
      else if (turn === 2) response.destroy()
      else if (turn === 4) response.end('{}')
    })
    const { attempts, errors } = await deliver(url, { call_id: 'c' }, settings(), signal)
    expect([attempts, errors]).toEqual([4, ['http_503', 'connection_lost', 'timed_out']])
    expect(bodies).toEqual(Array.from({ length: 4 }, () => '{"call_id":"c"}'))
  })

  it('can wait for its retry together with any number of others', async () => {
    const held: ServerResponse[] = []
    // All get a 503 at the same time, so that all wait together.
    const { url } = await serve((_, response, turn) => {
      if (turn > 20) return void response.end('ok')
      held.push(response)
      if (turn === 20) for (const each of held) each.writeHead(503).end()
    })
    const warnings: Error[] = []
    const warn = (warning: Error) => void warnings.push(warning)
    process.on('warning', warn)
    const own = new AbortController()
    const all = await Promise.all(
      Array.from({ length: 20 }, () =>
        deliver(url, 1, { ...settings(), timeoutSeconds: 20, pauseMs: 200 }, own.signal),
      ),
    )
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warn)
    expect([all.map(({ text }) => text), warnings]).toEqual([Array.from({ length: 20 }, () => 'ok'), []])
  })

  it('fails after the fourth attempt, with the cause of each', async () => {
    const { url, bodies } = await serve((_, response, turn) => response.writeHead(499 + turn).end())
    const failed = await deliver(url, {}, settings(), signal).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(NotDelivered)
    expect(failed).toMatchObject({ errors: ['http_500', 'http_501', 'http_502', 'http_503'], attempts: 4 })
    expect(bodies).toHaveLength(4)
  })

  it('is a 413 for the model if it or its answer is larger than 1 MB; a larger request is not sent', async () => {
    const { url, bodies } = await serve((_, response) => response.end('x'.repeat(maxBodyBytes + 1)))
    expect(await deliver(url, 'x'.repeat(maxBodyBytes), settings(), signal)).toMatchObject({ status: 413, attempts: 1 })
    expect(bodies).toHaveLength(0)
    expect(await deliver(url, 'x', settings(), signal)).toMatchObject({ status: 413, attempts: 1 })
  })

  it('is sent again after its answer as a duplicate, and a different answer is counted', async () => {
    const { url, bodies } = await serve((_, response, turn) => response.end(`${Math.min(turn, 3)}`))
    const first = await deliver(url, 1, settings('duplicate'), signal)
    expect([first.text, first.repeats, first.differences, bodies]).toEqual(['1', 1, 1, ['1', '1']])
    const later = await deliver(url, 1, settings('duplicate'), signal)
    expect([later.text, later.repeats, later.differences]).toEqual(['3', 1, 0])
  })

  it('is sent twice as an overlap: the second arrives before the first is answered', async () => {
    const both = gate()
    const held: ServerResponse[] = []
    const { url } = await serve((_, response) => {
      held.push(response)
      if (held.length === 2) void both.pass().then(() => held.forEach((each) => void each.end('same')))
    })
    const delivered = deliver(url, 1, settings('overlap'), signal)
    await both.reached
    both.open()
    expect(await delivered).toMatchObject({ text: 'same', attempts: 1, repeats: 1, differences: 0 })
  })

  it('is retried after the connection is closed as a drop', async () => {
    // The answer comes after the latest possible cut. The cut may also come before the request arrives.
    const { url } = await serve((_, response) => void setTimeout(() => response.end('ok'), 50))
    expect(await deliver(url, 1, settings('drop'), signal)).toMatchObject({ text: 'ok', errors: ['connection_lost'] })
  })

  it('can read its answer slowly, and completely', async () => {
    const { url } = await serve((_, response) => {
      response.write('a'.repeat(100_000))
      response.end('b')
    })
    const { text } = await deliver(url, 1, settings('slow'), signal)
    expect([text.length, text.at(-1)]).toEqual([100_001, 'b'])
  })

  it('does not follow redirects, and ends when its signal aborts', async () => {
    const { url } = await serve(
      (_, response, turn) => void (turn === 1 && response.writeHead(302, { location: '/' }).end()),
    )
    expect((await deliver(url, 1, settings(), signal)).status).toBe(302)
    const aborting = new AbortController()
    const sent = deliver(url, 1, { ...settings(), timeoutSeconds: 60 }, aborting.signal)
    aborting.abort(new Error('enough'))
    await expect(sent).rejects.toThrow('enough')
  })
})
