import { once } from 'node:events'
import { request as send } from 'node:http'
import { gzipSync } from 'node:zlib'
import { serve } from '@hono/node-server'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, post, testApp, toolCall, toolWith } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

const echo = defineTool({
  name: 'echo',
  description: 'Says its text.',
  input: z.looseObject({ text: z.string().default('') }),
  effects: 'none',
  run: ({ input }) => input.text,
})
const app = (limits = {}) => testApp(database, { tools: [echo], limits })

describe('an invalid body', () => {
  it.each([
    ['nothing', '', 'invalid_json'],
    ['no JSON', '{"call_id": "a"', 'invalid_json'],
    ['JSON with a trailing comma', '{"call_id":"a",}', 'invalid_json'],
    ['a bare U+0000', '{"call_id":"a\u0000"}', 'invalid_json'],
    ['more levels than 100', `{"item":${'['.repeat(100)}${']'.repeat(100)}}`, 'invalid_json'],
    ['half a million levels', '['.repeat(500_000), 'invalid_json'],
    ['half a million levels that are closed again', `${'['.repeat(500_000)}${']'.repeat(500_000)}`, 'invalid_json'],
    ['null', 'null', 'invalid_request'],
    ['a list', '[]', 'invalid_request'],
    ['a call_id that is an object', '{"call_id":{}}', 'invalid_request'],
    ['a trace_id of 300 characters', `{"trace_id":"${'x'.repeat(300)}"}`, 'invalid_request'],
    ['an infinite id', '{"call_id":1e999}', 'invalid_request'],
    ['an id with more digits than a number keeps', '{"trace_id":9007199254740993}', 'invalid_request'],
    ['an id that is not a whole number', '{"call_id":0.10000000000000000001}', 'invalid_request'],
    ['a number beyond the range of doubles', '{"item":{"answer":[1e400]}}', 'invalid_request'],
    ['arguments that are a list', '{"arguments":[]}', 'invalid_request'],
    ['arguments that are a number', '{"arguments":5}', 'invalid_request'],
  ])('because it is %s is a 400 that a model can read', async (_, text, code) => {
    const { status, body } = await post(app(), '/tools/echo', text)
    expect([status, body.error?.code, body.output]).toEqual([400, code, body.error?.message])
    expect(body.output?.length).toBeLessThan(400)
  })

  it.each([
    ['Latin-1', Buffer.from('{"item":{"answer":"Caf\xe9"}}', 'latin1')],
    ['UTF-16', Buffer.from('{"item":"\xe9"}', 'utf16le')],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['an overlong form', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['a character that is cut off', Buffer.from('{"item":"\u20ac').subarray(0, -1)],
  ])('because it is not UTF-8 (%s) is a 400, whether its length is announced or not', async (_, bytes) => {
    const announced = { 'content-length': String(bytes.length) }
    for (const headers of [announced, { 'transfer-encoding': 'chunked' }]) {
      const response = await app().request('/tools/echo', { method: 'POST', headers, body: new Uint8Array(bytes) })
      expect([response.status, await response.json()]).toMatchObject([400, { error: { code: 'invalid_encoding' } }])
    }
  })

  it('may begin with a byte order mark', async () => {
    const { status, body } = await post(
      app(),
      '/tools/echo',
      `\ufeff${JSON.stringify({ arguments: '{"text":"\u20ac"}' })}`,
    )
    expect([status, body.output]).toEqual([200, '\u20ac'])
  })

  it('reports a numeric id with too many digits, whether JavaScript rounds it or not', async () => {
    for (const digits of ['9007199254740992', '9007199254740993']) {
      const response = await app().request('/tools/echo', { method: 'POST', body: `{"trace_id":${digits}}` })
      expect(await response.json()).toMatchObject({
        error: {
          message: 'the body does not fit: body.trace_id: has more digits than a number keeps; send it as a string',
        },
      })
    }
  })

  it('is answered with the field and what is expected there', async () => {
    const { body } = await post(app(), '/tools/echo', { trace_id: {}, arguments: 5 })
    expect(body.output).toBe(
      'the body does not fit: body.trace_id: must be a string of at most 256 characters; ' +
        'body.arguments: must be JSON as a string, or an object',
    )
  })

  it('is not quoted, because it may contain the answer', async () => {
    for (const text of ['{"reference_answer":"94.0",?}', '{"item":{"reference_answer":94.0,nope}}', 'x 94.0']) {
      expect((await post(app(), '/tools/echo', text)).text).not.toContain('94')
    }
  })

  it('is refused if it is compressed', async () => {
    for (const encoding of ['gzip', 'br', 'gzip, identity']) {
      const response = await app().request('/tools/echo', {
        method: 'POST',
        headers: { 'content-encoding': encoding },
        body: gzipSync('{}'),
      })
      expect(response.status).toBe(415)
      expect(await response.json()).toMatchObject({
        error: { code: 'unsupported_encoding' },
        output: expect.any(String),
      })
    }
    expect((await post(app(), '/tools/echo', {}, { 'content-encoding': 'Identity' })).status).toBe(200)
  })

  it('is refused if it is too large, with a Content-Length and in chunks, through a real socket', async () => {
    const server = serve({ fetch: app({ maxBodyBytes: 2_000 }).fetch, hostname: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    const { port } = z.object({ port: z.number() }).parse(server.address())
    for (const length of [1_900, 2_100, 3_000_000]) {
      for (const chunked of [false, true]) {
        const text = JSON.stringify({ ...toolCall('echo', 'large', `${length}`), pad: '' })
        const padded = text.replace('"pad":""', `"pad":"${'é'.repeat((length - text.length) / 2)}"`)
        const answer = await over(port, padded, chunked)
        expect(answer.status).toBe(length > 2_000 ? 413 : 200)
        if (length > 2_000)
          expect(answer.body).toMatchObject({
            error: { code: 'body_too_large' },
            output: expect.stringContaining('2000 bytes'),
          })
      }
    }
    server.close()
  })
})

describe('an output over the limit', () => {
  it.each(['none', 'database', 'external'] as const)(
    'of a tool with effects %s is refused with an explanation',
    async (effects) => {
      const head = { name: 'long', description: 'Says much.', input: z.object({ n: z.number() }) }
      const run = ({ input }: { input: { n: number } }) => '"'.repeat(input.n)
      const tool = toolWith(effects, { ...head, run })
      const replica = testApp(database, { tools: [tool], limits: { maxOutputBytes: 1_000 } })
      const fits = await post(replica, '/tools/long', toolCall('long', `long-${effects}`, 'a', { n: 499 }))
      expect([fits.status, fits.body.output?.length]).toEqual([200, 499])
      const { status, body } = await post(replica, '/tools/long', toolCall('long', `long-${effects}`, 'b', { n: 500 }))
      expect([status, body.output]).toEqual([
        200,
        'the output has 1002 bytes, more than the 1000 an answer may have; ask for less',
      ])
      const rows =
        await database.sql`select outcome, code from ledger.calls where rollout_id = ${`long-${effects}`} order by seq`
      expect(rows[1]).toEqual({ outcome: 'refused', code: 'output_too_large' })
    },
  )
})

/** Posts over a socket, in chunks or with a Content-Length. */
function over(port: number, text: string, chunked: boolean) {
  return new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': Buffer.byteLength(text) }
    const request = send(
      { port, host: '127.0.0.1', path: '/tools/echo', method: 'POST', headers },
      async (response) => {
        let answer = ''
        for await (const chunk of response) answer += chunk
        resolve({ status: response.statusCode, body: JSON.parse(answer) })
      },
    )
    request.on('error', reject)
    for (let at = 0; at < text.length; at += 65_536) request.write(text.slice(at, at + 65_536))
    request.end()
  })
}
