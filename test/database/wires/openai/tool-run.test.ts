import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readAllowedAddresses } from '../../../../src/runtime/outbound/addresses.ts'
import { createOutbound } from '../../../../src/runtime/outbound/outbound.ts'
import { defineTool, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { type Served, served, thrown } from '../../../support/openai/served.ts'
import { json, type Listening, listen } from '../../../support/outbound/listen.ts'
import { runs } from '../../../support/runs.ts'

const database = useDatabase()
let server: Served
let elsewhere: Listening
let hidden: Listening

const counted = { runs: 0 }
const add = defineTool({
  ...{ name: 'add', description: 'Adds.', input: z.object({ a: z.number(), b: z.number() }) },
  effects: 'none',
  run: async ({ input, task }) => {
    counted.runs += 1
    return `${input.a + input.b} ${task.question}`
  },
})

beforeAll(async () => {
  hidden = await listen((response) => json(response, { output: 'what nobody may read' }))
  elsewhere = await listen((response, { path, body }) => {
    if (path === '/tools/redirects') {
      response.writeHead(307, { location: `${hidden.origin}/tools/secret` }).end()
    } else if (path === '/tools/refuses') json(response, { error: 'no such page' }, 404)
    else if (path === '/tools/breaks') json(response, {}, 500)
    else if (path === '/tools/mute') json(response, { output: 7 })
    else json(response, { output: `elsewhere: ${body}` })
  })
  server = await served(database, {
    tools: [add],
    outbound: createOutbound({ allowed: readAllowedAddresses(elsewhere.origin), seconds: 5, maxBytes: 100_000 }),
    publicUrl: 'https://rft.example.com/base',
  })
})

afterAll(async () => {
  server.close()
  await elsewhere.close()
  await hidden.close()
})

const answer = z.strictObject({
  type: z.literal('function_call_output'),
  call_id: z.string(),
  id: z.string(),
  output: z.string(),
})

let ids = 0
/** Posts a call of `add` with a new id; `more` overrides its fields. */
async function run(more: Readonly<Record<string, unknown>>) {
  ids += 1
  const call = toolCall('add', 'tool-run', `call-${ids}`, { a: 1, b: 2 }, { question: 'why' })
  const asked = server.client.post('/fine_tuning/alpha/tool/run', { body: { ...call, ...more } })
  const response = await asked.asResponse()
  return { headers: response.headers, ...answer.parse(await response.json()) }
}

describe('tool/run of a tool of this server', () => {
  it.each([
    ['none', undefined],
    ['null', null],
    ['the public address', 'https://rft.example.com/base/tools/add'],
    ['the public address of all tools', 'https://rft.example.com/base/tools'],
    ['the public address itself', 'https://rft.example.com/base/'],
  ])('is served in-process, by the address %s', async (_, server_url) => {
    const { headers, ...body } = await run({ server_url, headers: { authorization: 'Bearer of-somebody' } })
    expect(body).toEqual({
      type: 'function_call_output',
      call_id: `call-${ids}`,
      id: `fc_call-${ids}`,
      output: '3 why',
    })
    expect(headers.get('x-rollout-id')).toBe('tool-run')
    expect(headers.get('x-request-id')).toMatch(/^req_/)
  })

  it('is served at the address of the request, under each of the prefixes', async () => {
    for (const base of ['/v1', '/openai/v1', '/openai']) {
      const call = toolCall('add', `tool-run${base}`, 'call', { a: 1, b: 2 }, { question: base })
      const body = { ...call, server_url: `${server.origin}/tools/add` }
      const made = await server.client.post(`${server.origin}${base}/fine_tuning/alpha/tool/run`, { body })
      expect(answer.parse(made).output).toBe(`3 ${base}`)
    }
  })

  it('is made once, through either address', async () => {
    const before = counted.runs
    const first = await run({ call_id: 'once', trace_id: 'tool-run-once' })
    const again = await run({ call_id: 'once', trace_id: 'tool-run-once', server_url: `${server.origin}/tools/add` })
    const call = toolCall('add', 'tool-run-once', 'once', { a: 1, b: 2 }, { question: 'why' })
    const direct = await post(testApp(database, { tools: [add] }), '/tools/add', call)
    expect([again.output, direct.body.output]).toEqual([first.output, first.output])
    expect([first, again, direct].map(({ headers }) => headers.get('x-replayed'))).toEqual([null, 'true', 'true'])
    // The second time by the other replica, which runs a tool without effects before it finds that the call is recorded.
    expect(counted.runs).toBe(before + 2)
  })

  it('tells the model what was wrong with its call', async () => {
    expect((await run({ arguments: '{"a": 1}' })).output).toMatch(/^invalid arguments: b: is missing/)
    expect((await run({ name: 'subtract' })).output).toMatch(/^there is no tool "subtract"/)
  })

  it('is refused at other addresses of this server', async () => {
    for (const path of ['/graders/exact', '/tools/add/more', '/healthz']) {
      const error = await thrown(run({ server_url: `${server.origin}${path}` }))
      expect(error).toMatchObject({ status: 400, param: 'server_url', code: 'invalid_request' })
    }
    const nameless = await thrown(run({ name: null }))
    expect(nameless).toMatchObject({ status: 400, param: 'name', code: 'missing_name' })
  })
})

describe('tool/run of a tool elsewhere', () => {
  it('calls a listed address with the given headers and none of the caller’s', async () => {
    const headers = { authorization: 'Bearer of-the-tool', 'x-functions-key': 'theirs' }
    const made = await run({
      server_url: `${elsewhere.origin}/tools/add`,
      headers,
      call_id: 'away',
      trace_id: 'tool-away',
    })
    const asked = elsewhere.asked.at(-1)
    expect(asked?.headers).toMatchObject(headers)
    expect(JSON.parse(asked?.body ?? '')).toEqual({
      ...{ type: 'function_call', id: `fc_call-${ids}`, call_id: 'away', name: 'add', trace_id: 'tool-away' },
      ...{ arguments: '{"a":1,"b":2}', item: { question: 'why' } },
    })
    expect([made.call_id, made.output]).toEqual(['away', `elsewhere: ${asked?.body}`])
    expect(made.headers.get('x-rollout-id')).toBeNull()
    await run({ server_url: `${elsewhere.origin}/tools/add` })
    expect(elsewhere.asked.at(-1)?.headers['authorization']).toBeUndefined()
  })

  it.each([
    ['of a cloud’s metadata', () => 'http://169.254.169.254/latest/meta-data/iam'],
    ['of this machine', () => `${hidden.origin}/tools/secret`],
    ['of a database', () => 'http://127.0.0.1:5432/'],
    ['that redirects to another', () => `${elsewhere.origin}/tools/redirects`],
    ['in another spelling', () => `http://2130706433:${hidden.port}/`],
    ['with a user in it', () => `http://${elsewhere.origin.slice(7)}@127.0.0.1:${hidden.port}/`],
    ['that is not HTTP', () => 'file:///etc/passwd'],
    ['that is not a URL', () => 'tools/add'],
  ])('asks no address %s', async (_, address) => {
    const error = await thrown(run({ server_url: address() }))
    expect(error).toMatchObject({ status: 400, param: 'server_url', code: 'server_url_refused' })
    expect(hidden.asked).toEqual([])
  })

  it('distinguishes permanent from temporary errors', async () => {
    const codes = ['refuses', 'breaks', 'mute'].map(async (path) => {
      const { status, code } = await thrown(run({ server_url: `${elsewhere.origin}/tools/${path}` }))
      return [status, code]
    })
    expect(await Promise.all(codes)).toEqual([
      [400, 'tool_server_refused'],
      [503, 'tool_server_failed'],
      [500, 'tool_server_failed'],
    ])
  })

  it('rejects any other value as an address, without a server error', async () => {
    const app = testApp(database, { tools: [add], publicUrl: 'https://rft.example.com/base' })
    const bases = ['https://rft.example.com/base', 'http://localhost', 'http://127.0.0.1:5432', 'ftp://x', '//', '']
    const tail = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('/tools/', '/tools/add', '/../x', '%2e', '@', '#', '?a'),
    )
    const address = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc
        .tuple(fc.constantFrom(...bases), fc.array(tail, { maxLength: 3 }))
        .map(([base, tails]) => base + tails.join('')),
    )
    await fc.assert(
      fc.asyncProperty(address, fc.string({ unit: 'binary' }), async (server_url, trace_id) => {
        const call = { name: 'add', trace_id, server_url, arguments: { a: 1, b: 1 } }
        const { status } = await post(app, '/v1/fine_tuning/alpha/tool/run', call)
        expect([200, 400]).toContain(status)
      }),
      { numRuns: runs(300) },
    )
  })
})
