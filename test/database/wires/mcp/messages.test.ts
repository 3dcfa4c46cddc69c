import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { RequestError } from '../../../../src/kit/errors.ts'
import type { Datasets } from '../../../../src/runtime/datasets.ts'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../../src/server/auth/keys.ts'
import { environment, keepingLog, post, type TestAppOptions, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

const search = environment.defineTool({
  name: 'search',
  description: 'Search.',
  input: z.object({ q: z.string() }),
  effects: 'none',
  run: ({ input, task }) => (input.q === 'much' ? 'x'.repeat(20_000) : `1 hit for ${input.q}${task.question}`),
})

const appOf = (options: TestAppOptions = {}) => testApp(database, { tools: [search], ...options })

const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const newest = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'search' }
const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const callOf = (params: object, id: unknown = 3) => ({ jsonrpc: '2.0', id, method: 'tools/call', params })

async function send(
  app: Pick<ReturnType<typeof testApp>, 'request'>,
  body: unknown,
  more: Record<string, string> = {},
  path = '/mcp',
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await app.request(path, { method: 'POST', headers: { ...headers, ...more }, body: text })
  const answered = await answer.text()
  const json: unknown = answered === '' ? undefined : JSON.parse(answered)
  return { status: answer.status, headers: answer.headers, json }
}

async function seed(app: Parameters<typeof post>[0], body: object = { item: {} }, path = '/mcp/rollouts') {
  const { body: answer } = await post(app, path, body)
  return z.object({ token: z.string(), rollout: z.string(), url: z.string() }).parse(answer)
}

describe('messages of MCP', () => {
  it('answers the initialize, list and call of a client of 2025-11-25', async () => {
    const app = appOf()
    const started = await send(app, {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'trainer', version: '1' } },
    })
    expect(started).toMatchObject({
      status: 200,
      json: {
        jsonrpc: '2.0',
        id: 1,
        result: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'scorekeeper', version: 'test' },
        },
      },
    })
    const session = { 'mcp-session-id': started.headers.get('mcp-session-id') ?? '' }
    const ready = await send(app, { jsonrpc: '2.0', method: 'notifications/initialized' }, session)
    expect(ready.status).toBe(202)
    const called = await send(app, callOf({ name: 'search', arguments: { q: 'n0' } }, 2), session)
    expect(called.json).toMatchObject({
      jsonrpc: '2.0',
      id: 2,
      result: { content: [{ type: 'text', text: '1 hit for n0' }], isError: false },
    })
    expect(called.headers.get('x-rollout-id')).toBe(started.headers.get('x-rollout-id'))
  })

  it('answers the call and the list of a client of 2026-07-28', async () => {
    const app = appOf()
    const { token } = await seed(app)
    const named = { ...newest, 'x-nemo-gym-session-token': token }
    const params = { name: 'search', arguments: { q: 'n0' }, _meta: envelope }
    expect(await send(app, callOf(params), named)).toMatchObject({
      status: 200,
      json: {
        id: 3,
        result: {
          resultType: 'complete',
          content: [{ type: 'text', text: '1 hit for n0' }],
          isError: false,
        },
      },
    })
    const list = { jsonrpc: '2.0', id: 2, method: 'tools/list', params: { _meta: envelope } }
    const listed = await send(app, list, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' })
    expect(listed.json).toMatchObject({
      result: {
        resultType: 'complete',
        ttlMs: 60_000,
        cacheScope: 'private',
        tools: [{ name: 'search', description: 'Search.', inputSchema: { type: 'object', required: ['q'] } }],
      },
    })
  })

  it('begins a rollout for a call of 2026-07-28 without a token, and says which', async () => {
    const app = appOf()
    const params = { name: 'search', arguments: { q: 'n0' }, _meta: envelope }
    const answers = [await send(app, callOf(params), newest), await send(app, callOf(params), newest)]
    const [one, other] = answers.map((answer) => answer.headers.get('x-rollout-id'))
    expect(one).toMatch(/^rollout_/)
    expect(other).not.toBe(one)
  })

  it.each([
    ['what is not JSON', '{', 400, -32_700],
    ['what is not UTF-8', '"\u0000', 400, -32_700],
    ['a batch', [callOf({ name: 'search' })], 400, -32_600],
    ['an empty batch', [], 400, -32_600],
    ['a text', '"tools/call"', 400, undefined],
    ['null', 'null', 400, undefined],
    ['an object that is no message', {}, 400, undefined],
    ['an id that is an object', callOf({ name: 'search' }, {}), 400, undefined],
    ['an id that is not exact', '{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/list"}', 400, undefined],
    ['a call without a name', callOf({}), 200, -32_602],
    ['arguments that are a text', callOf({ name: 'search', arguments: '{"q":"a"}' }), 200, -32_602],
    ['a name that is too long', callOf({ name: 'x'.repeat(257) }), 200, -32_602],
    ['a key that is empty', callOf({ name: 'search', _meta: { 'scorekeeper/call-id': '' } }), 200, -32_602],
    [
      'a key that is too long',
      callOf({ name: 'search', _meta: { 'scorekeeper/call-id': 'x'.repeat(257) } }),
      200,
      -32_602,
    ],
    ['an unknown method', { jsonrpc: '2.0', id: 1, method: 'resources/list' }, 200, -32_601],
    ['a subscription', { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen' }, 404, -32_601],
  ])('refuses %s', async (_, body, status, code) => {
    const { status: answered, json } = await send(appOf(), body)
    expect(answered).toBe(status)
    const { error } = z.object({ error: z.object({ code: z.number(), message: z.string() }) }).parse(json)
    if (code !== undefined) expect(error.code).toBe(code)
  })

  it('does not take over names of the prototype from a hostile body', async () => {
    const body =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"q":"a","__proto__":{"q":1}}}}'
    expect((await send(appOf(), body)).json).toMatchObject({ result: { content: [{ text: '1 hit for a' }] } })
    for (const name of ['__proto__', 'constructor', 'toString', 'a\u0000b']) {
      const { json } = await send(appOf(), callOf({ name }))
      expect(json).toMatchObject({ result: { isError: true } })
    }
  })

  it('refuses bodies that are too large, compressed or of another type, and other methods', async () => {
    const app = appOf({ limits: { maxBodyBytes: 1_000 } })
    const large = callOf({ name: 'search', arguments: { q: 'x'.repeat(2_000) } })
    expect((await send(app, large)).status).toBe(413)
    expect((await send(app, callOf({ name: 'search' }), { 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await send(app, callOf({ name: 'search' }), { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await send(app, callOf({ name: 'search' }), { accept: 'text/html' })).status).toBe(406)
    for (const path of ['/mcp', '/mcp/token', '/mcp/rollouts']) {
      for (const method of ['GET', 'DELETE', 'PUT']) {
        const answer = await app.request(path, { method })
        expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
      }
    }
  })

  it('refuses pages of other sites, whose name may lead to this server', async () => {
    const app = appOf({ publicUrl: 'https://tools.example.com' })
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const statuses: number[] = []
    for (const origin of ['https://evil.example', 'null', 'http://localhost:6274', 'https://tools.example.com']) {
      statuses.push((await send(app, list, { origin })).status)
    }
    expect(statuses).toEqual([403, 403, 200, 200])
  })

  it('refuses a call without a key or with a key of other runs, before anything else', async () => {
    const keys = parseApiKeys('one:tools@one=a-key-of-run-one grades:grade=a-key-of-grading')
    const app = appOf({ authenticate: createAuthenticator({ keys, keyHeaders: [] }) })
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const missing = await send(app, list)
    expect(missing).toMatchObject({ status: 401, json: { id: null, error: { data: { code: 'missing_token' } } } })
    expect(missing.headers.get('www-authenticate')).toContain('Bearer')
    expect((await send(app, list, { authorization: 'Bearer a-key-of-grading' })).status).toBe(403)
    const open = appOf()
    const { token } = await seed(open, { item: {} }, '/runs/two/mcp/rollouts')
    const asked = await send(
      app,
      callOf({ name: 'search' }),
      { authorization: 'Bearer a-key-of-run-one' },
      `/mcp/${token}`,
    )
    expect(asked).toMatchObject({ status: 403, json: { error: { data: { code: 'run_forbidden' } } } })
  })

  it('answers a result that is too large as a refusal', async () => {
    const app = appOf({ limits: { maxOutputBytes: 10_000 } })
    const { json } = await send(app, callOf({ name: 'search', arguments: { q: 'much' } }))
    expect(json).toMatchObject({
      result: { isError: true, content: [{ text: expect.stringContaining('ask for less') }] },
    })
  })

  it('logs a failed call once, as an error', async () => {
    const log = keepingLog()
    const broken = environment.defineTool({
      name: 'search',
      description: 'Search.',
      input: z.object({}),
      effects: 'none',
      run: () => {
        throw new RequestError(503, 'index_unavailable', 'the index is unavailable', { retryAfterSeconds: 7 })
      },
    })
    const { json, status } = await send(appOf({ tools: [broken], log }), callOf({ name: 'search' }))
    expect(status).toBe(200)
    expect(json).toMatchObject({
      error: {
        code: -32_000,
        message: 'the index is unavailable',
        data: { code: 'index_unavailable', status: 503, retryAfterSeconds: 7 },
      },
    })
    expect(log.lines.filter(({ level }) => level === 'error').map(({ facts }) => facts['code'])).toEqual([
      'index_unavailable',
    ])
  })
})

describe('POST /mcp/rollouts', () => {
  const rows = [{ question: ' why?' }, { question: ' how?' }]
  const datasets: Datasets = {
    splits: [
      {
        name: 'train',
        count: rows.length,
        row: async (index) => (rows[index] === undefined ? undefined : { split: 'train', index, item: rows[index] }),
        async *rows() {},
      },
    ],
    find: async () => [],
    close: async () => {},
  }

  it('begins a rollout with a row of a dataset, under the given id', async () => {
    const app = appOf({ datasets })
    const { token, rollout, url } = await seed(
      app,
      { split: 'train', index: 1, rollout: 'mine' },
      '/runs/a/mcp/rollouts',
    )
    expect([rollout, url]).toEqual(['mine', `http://localhost/runs/a/mcp/${token}`])
    const { json } = await send(app, callOf({ name: 'search', arguments: { q: 'n0' } }), {}, new URL(url).pathname)
    expect(json).toMatchObject({ result: { content: [{ text: '1 hit for n0 how?' }] } })
  })

  it('answers with the public address of the server', async () => {
    const { url, token } = await seed(appOf({ publicUrl: 'https://tools.example.com/env/' }))
    expect(url).toBe(`https://tools.example.com/env/mcp/${token}`)
  })

  it.each([
    [{ split: 'test', index: 0 }, 404, 'unknown_split'],
    [{ split: 'train', index: 2 }, 404, 'unknown_row'],
    [{ split: 'train' }, 400, 'invalid_request'],
    [{ split: 'train', index: 0, item: {} }, 400, 'invalid_request'],
    [{ split: 'train', index: -1 }, 400, 'invalid_request'],
    [{ item: { question: 1 } }, 422, 'item_misfit'],
  ])('refuses %j', async (body, status, code) => {
    const app = appOf({ datasets, readItem: environment.readItem })
    expect(await post(app, '/mcp/rollouts', body)).toMatchObject({ status, body: { error: { code } } })
  })
})
