import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { ToolError } from '../../../../src/kit/errors.ts'
import { environment, gate, gradingOf, post, type TestAppOptions, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { serve } from '../../../support/tool-servers/served.ts'

const database = useDatabase()
const { defineTool, defineGrader } = environment

/** A tool that adds to the rollout's notes and answers with all of them. */
const note = defineTool({
  name: 'note',
  description: 'Write a note.',
  input: z.object({ text: z.string() }),
  effects: 'database',
  run({ input, state, task }) {
    if (input.text === '') throw new ToolError('the note is empty; write something')
    state.notes.push(input.text)
    return [task.question, ...state.notes].join(' ')
  },
})
const look = defineTool({
  name: 'look',
  description: 'Look.',
  input: z.object({ at: z.number().optional() }),
  effects: 'none',
  run: () => 'seen',
})
const fails = defineTool({
  name: 'fails',
  description: 'Fails.',
  input: z.object({}),
  effects: 'none',
  run: () => {
    throw new Error('broken: secret')
  },
})
const notes = defineGrader({
  name: 'notes',
  version: '1',
  grade: ({ trajectory, reference }) => (trajectory.length === 2 && reference.answer === '42' ? 1 : 0),
})

const seedAnswer = z.object({
  mcp: z.object({ url_path: z.string(), headers: z.record(z.string(), z.string()) }),
})

const item = { question: 'why?', answer: '42' }
const modern: ClientOptions = { versionNegotiation: { mode: { pin: '2026-07-28' } } }
const auto: ClientOptions = { versionNegotiation: { mode: 'auto' } }

async function serveApp(options: TestAppOptions = {}) {
  const app = testApp(database, { tools: [note, look, fails], graders: [notes], ...options })
  const { url } = await serve((request) => app.fetch(request))
  const seed = async (body: object = { item }, path = '/mcp/rollouts', headers = {}) => {
    const answer = await post(app, path, body, headers)
    return z.object({ rollout: z.string(), run: z.string(), token: z.string(), url: z.string() }).parse(answer.body)
  }
  return { app, url, seed }
}

/** Connects the official client. */
async function connect(url: string, options?: ClientOptions, headers: Record<string, string> = {}) {
  const client = new Client({ name: 'test', version: '1' }, options)
  const seen: Headers[] = []
  const watched = async (input: string | URL, init?: RequestInit) => {
    const response = await fetch(input, init)
    seen.push(response.headers)
    return response
  }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, fetch: watched }))
  onTestFinished(() => client.close())
  const call = (name: string, args: Record<string, unknown> = {}, meta?: Record<string, unknown>) =>
    client.callTool({ name, arguments: args, ...(meta && { _meta: meta }) })
  const text = async (...given: Parameters<typeof call>) => {
    const { content } = await call(...given)
    return content.map((block) => (block.type === 'text' ? block.text : '')).join()
  }
  return { client, call, text, header: (name: string) => seen.at(-1)?.get(name) }
}

describe.each([
  ['2025-11-25', undefined],
  ['2026-07-28', modern],
])('MCP %s with the official client', (revision, options) => {
  it('lists the tools in their order, with the schemas of the server', async () => {
    const { app, url, seed } = await serveApp()
    const { token } = await seed()
    const { client } = await connect(`${url}/mcp/${token}`, options)
    expect(client.getNegotiatedProtocolVersion()).toBe(revision)
    const { tools } = await client.listTools()
    const own = z
      .array(z.object({ function: z.looseObject({ name: z.string() }) }))
      .parse(await (await app.request('/tools')).json())
    expect(tools.map(({ name, description, inputSchema: parameters }) => ({ name, description, parameters }))).toEqual(
      own.map((tool) => tool.function),
    )
    expect(tools.map(({ annotations }) => annotations?.readOnlyHint)).toEqual([undefined, true, true])
  })

  it.each(['address', 'x-scorekeeper-rollout', 'X-NeMo-Gym-Session-Token'])(
    'calls tools of the rollout whose token is in the %s, and says which',
    async (place) => {
      const { app, url, seed } = await serveApp()
      const { token, rollout } = await seed()
      const { text, call, header } =
        place === 'address'
          ? await connect(`${url}/mcp/${token}`, options)
          : await connect(`${url}/mcp`, options, { [place]: token })
      expect(await text('note', { text: 'a' })).toBe('why? a')
      expect(await call('note', { text: 'b' })).toMatchObject({
        content: [{ type: 'text', text: 'why? a b' }],
        isError: false,
        _meta: { 'scorekeeper/rollout-id': rollout, 'scorekeeper/call-id': expect.stringMatching(/^call_/) },
      })
      expect([header('x-rollout-id'), header('x-outcome')]).toEqual([rollout, 'ok'])
      expect((await post(app, '/grade', gradingOf(rollout, 'done', item))).body.score).toBe(1)
    },
  )

  it('keeps rollouts apart', async () => {
    const { url, seed } = await serveApp()
    const [one, other] = [await seed(), await seed()]
    const first = await connect(`${url}/mcp/${one.token}`, options)
    const second = await connect(`${url}/mcp/${other.token}`, options)
    expect(await first.text('note', { text: 'a' })).toBe('why? a')
    expect(await second.text('note', { text: 'b' })).toBe('why? b')
  })

  it('makes a call with a key in _meta once, even if the retry arrives while it runs', async () => {
    const held = gate()
    let runs = 0
    const slow = defineTool({
      name: 'slow',
      description: 'Slow.',
      input: z.object({}),
      effects: 'external',
      async run() {
        runs += 1
        await held.pass()
        return 'done'
      },
    })
    const { url, seed } = await serveApp({ tools: [slow] })
    const { token } = await seed()
    const [one, other] = [await connect(`${url}/mcp/${token}`, options), await connect(`${url}/mcp/${token}`, options)]
    const meta = { 'scorekeeper/call-id': 'c1' }
    const first = one.call('slow', {}, meta)
    await held.reached
    const second = other.call('slow', {}, meta)
    held.open()
    expect([(await first).content, (await second).content]).toEqual([
      [{ type: 'text', text: 'done' }],
      [{ type: 'text', text: 'done' }],
    ])
    expect(await one.call('slow', {}, meta)).toEqual(await first)
    expect(one.header('x-replayed')).toBe('true')
    expect(runs).toBe(1)
  })

  it('answers a refused call as a result with isError, and a failed one as an error of JSON-RPC', async () => {
    const { app, url, seed } = await serveApp()
    const { token, rollout } = await seed()
    const { call } = await connect(`${url}/mcp/${token}`, options)
    expect(await call('note', { text: '' })).toMatchObject({
      content: [{ type: 'text', text: 'the note is empty; write something' }],
      isError: true,
    })
    expect(await call('look', { at: 'x' })).toMatchObject({ isError: true })
    expect(await call('nothing')).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: expect.stringContaining('there is no tool "nothing"') }],
    })
    await expect(call('fails')).rejects.toMatchObject({
      code: -32_000,
      message: expect.stringContaining('the tool "fails" failed; try again'),
      data: { code: 'tool_failed', status: 500 },
    })
    expect((await post(app, '/grade', gradingOf(rollout, 'done', item))).status).toBe(500)
  })

  it('refuses a token of another run, and one that it did not mint', async () => {
    const { url, seed } = await serveApp()
    const { token, run } = await seed({ item }, '/runs/one/mcp/rollouts')
    expect(run).toBe('one')
    await expect(connect(`${url}/runs/two/mcp/${token}`, options)).rejects.toThrow()
    await expect(connect(`${url}/mcp/${token}x`, options)).rejects.toThrow()
    const { text } = await connect(`${url}/mcp/${token}`, options)
    expect(await text('note', { text: 'a' })).toBe('why? a')
  })

  it('keeps a number in the arguments exact, or refuses it', async () => {
    const { url, seed } = await serveApp()
    const { token } = await seed()
    const envelope = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const params = { name: 'look', arguments: { at: 7 }, ...(options && { _meta: envelope }) }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision,
      'mcp-method': 'tools/call',
      'mcp-name': 'look',
    }
    const answer = await fetch(`${url}/mcp/${token}`, {
      method: 'POST',
      headers,
      body: body.replace('7', '12345678901234567890'),
    })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      result: {
        isError: true,
        content: [{ text: expect.stringContaining('integers are exact only up to 9007199254740991') }],
      },
    })
  })
})

describe('MCP below the prefix of NeMo Gym', () => {
  it('calls tools of the rollout that was seeded there, which verifying grades', async () => {
    const { app, url } = await serveApp()
    const row = { ...item, _ng_mcp: true, responses_create_params: { input: [] } }
    const body = JSON.stringify(row)
    const headers = { 'content-type': 'application/json' }
    const seeded = await app.request('/nemo-gym/seed_session', { method: 'POST', headers, body })
    const { mcp } = seedAnswer.parse(await seeded.json())
    const { text, header } = await connect(`${url}/nemo-gym${mcp.url_path}`, {}, mcp.headers)
    expect([await text('note', { text: 'a' }), await text('note', { text: 'b' })]).toEqual(['why? a', 'why? a b'])
    expect(header('x-rollout-id')).toBe(seeded.headers.get('x-rollout-id'))
    const cookie = seeded.headers.get('set-cookie')?.split(';')[0] ?? ''
    const said = { output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'done' }] }] }
    const verified = await app.request('/nemo-gym/verify', {
      method: 'POST',
      headers: { ...headers, cookie },
      body: JSON.stringify({ ...row, response: said }),
    })
    expect(await verified.json()).toMatchObject({ reward: 1 })
  })
})

describe('MCP without a token', () => {
  it('makes each session of 2025-11-25 a rollout, which is graded by its id', async () => {
    const { app, url } = await serveApp()
    const [one, other] = [await connect(`${url}/mcp`), await connect(`${url}/mcp`)]
    expect(await one.text('note', { text: 'a' })).toBe(' a')
    expect(await other.text('note', { text: 'b' })).toBe(' b')
    expect(await one.text('note', { text: 'c' })).toBe(' a c')
    const rollout = one.header('x-rollout-id') ?? ''
    expect((await post(app, '/grade', gradingOf(rollout, 'done', {}))).status).toBe(200)
  })

  it('serves a session on every replica', async () => {
    const [one, other] = [await serveApp(), await serveApp()]
    const { client, text } = await connect(`${one.url}/mcp`)
    await text('note', { text: 'a' })
    const session = client.transport?.sessionId
    const resumed = new Client({ name: 'test', version: '1' })
    const transport = new StreamableHTTPClientTransport(new URL(`${other.url}/mcp`), {
      ...(session !== undefined && { sessionId: session }),
      protocolVersion: '2025-11-25',
    })
    await resumed.connect(transport)
    const { content } = await resumed.callTool({ name: 'note', arguments: { text: 'b' } })
    expect(content).toEqual([{ type: 'text', text: ' a b' }])
    await resumed.close()
  })

  it('leads a client of both revisions to a session', async () => {
    const { url } = await serveApp()
    const { client, text } = await connect(`${url}/mcp`, auto)
    expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25')
    expect([await text('note', { text: 'a' }), await text('note', { text: 'b' })]).toEqual([' a', ' a b'])
  })

  it('says that the environment needs an item', async () => {
    const needy = defineEnvironment({
      task: z.object({ order: z.string() }),
      reference: z.object({}),
      state: z.object({}),
    })
    const order = needy.defineTool({
      name: 'order',
      description: 'Order.',
      input: z.object({}),
      effects: 'none',
      run: ({ task }) => task.order,
    })
    const { url } = await serveApp({ tools: [order] })
    const { call } = await connect(`${url}/mcp`)
    const { isError, content } = await call('order')
    expect(isError).toBe(true)
    expect(content).toEqual([
      { type: 'text', text: expect.stringContaining('begin a rollout with POST /mcp/rollouts') },
    ])
  })
})
