import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { loadTools, type RemoteTools } from '../../../src/kit/remote-tools.ts'
import type { ReadSettings } from '../../../src/kit/settings.ts'
import { createToolServers } from '../../../src/runtime/tool-servers/tool-servers.ts'
import { environment, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { serve } from '../../support/tool-servers/served.ts'

const database = useDatabase()
const { toolFrom } = environment

const openApi = {
  openapi: '3.1.0',
  paths: {
    '/search': {
      post: {
        summary: 'Search',
        description: 'Search the shop.',
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Query' } } } },
      },
    },
    '/ping': { post: { summary: 'Ping' } },
  },
  components: {
    schemas: {
      Query: {
        type: 'object',
        properties: {
          words: { type: 'string' },
          filters: { type: 'array', items: { $ref: '#/components/schemas/Filter' } },
        },
        required: ['words'],
      },
      Filter: {
        type: 'object',
        properties: { field: { type: 'string' }, inner: { $ref: '#/components/schemas/Filter' } },
      },
    },
  },
}

interface Asked {
  readonly headers: Headers
  readonly body: unknown
}

/** Serves a shop: an OpenAPI document, and a search whose words decide what it answers. */
async function serveShop() {
  const asked: Asked[] = []
  const { url } = await serve(async (request) => {
    if (new URL(request.url).pathname === '/openapi.json') return Response.json(openApi)
    const body = z.object({ words: z.string() }).parse(await request.json())
    asked.push({ headers: request.headers, body })
    switch (body.words) {
      case 'nothing':
        return Response.json({ detail: 'say what to look for' }, { status: 422 })
      case 'busy':
        return new Response('busy', { status: 503, headers: { 'retry-after': '7' } })
      case 'broken':
        return new Response('<h1>Internal Server Error</h1>', { status: 500 })
      case 'missing':
        return Response.json({ detail: 'Not Found' }, { status: 404 })
      case 'elsewhere':
        return new Response(null, { status: 307, headers: { location: '/search' } })
      case 'much':
        return new Response('x'.repeat(20_000))
      case 'text':
        return Response.json('two hits')
      default:
        return Response.json({ hits: 2 })
    }
  })
  return { url, asked }
}

async function appOf(source: RemoteTools, settings?: ReadSettings) {
  const servers = createToolServers({ maxBytes: 10_000, connectSeconds: 5 })
  onTestFinished(() => servers.close())
  return testApp(database, { tools: await loadTools([source], servers, settings) })
}

describe('toolFrom', () => {
  it('takes name, description and schema from the OpenAPI document of the server', async () => {
    const { url } = await serveShop()
    const app = await appOf(toolFrom({ url: `${url}/search` }))
    expect(await (await app.request('/tools')).json()).toEqual([
      {
        type: 'function',
        function: {
          name: 'search',
          description: 'Search the shop.',
          parameters: {
            type: 'object',
            properties: { words: { type: 'string' }, filters: { type: 'array', items: { $ref: '#/$defs/Filter' } } },
            required: ['words'],
            $defs: {
              Filter: { type: 'object', properties: { field: { type: 'string' }, inner: { $ref: '#/$defs/Filter' } } },
            },
          },
        },
      },
    ])
  })

  it('posts the arguments, with the ids of the call, and answers with the body', async () => {
    const { url, asked } = await serveShop()
    const app = await appOf(toolFrom({ url: `${url}/search`, headers: { 'x-key': 'k' } }))
    const { body } = await post(app, '/runs/shop/tools/search', toolCall('search', 'posted/é', 'c1', { words: 'tea' }))
    expect(body.output).toBe('{"hits":2}')
    expect(asked.map(({ body }) => body)).toEqual([{ words: 'tea' }])
    const sent = (name: string) => asked[0]?.headers.get(name)
    expect(['x-key', 'x-run', 'x-rollout-id', 'x-call-id', 'x-execution', 'idempotency-key'].map(sent)).toEqual([
      'k',
      'shop',
      'posted%2F%C3%A9',
      'c1',
      '1',
      'shop/posted%2F%C3%A9/c1',
    ])
  })

  it('is called once for a call that is retried', async () => {
    const { url, asked } = await serveShop()
    const app = await appOf(toolFrom({ url: `${url}/search` }))
    const call = toolCall('search', 'retried', 'c1', { words: 'text' })
    const answers = [await post(app, '/tools/search', call), await post(app, '/tools/search', call)]
    expect(answers.map(({ body }) => body.output)).toEqual(['two hits', 'two hits'])
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['nothing', 200, 'refused', 'say what to look for', null],
    ['much', 200, 'refused', 'the answer is larger than 10000 bytes; ask for less', null],
    ['busy', 503, null, undefined, '7'],
    ['broken', 500, null, undefined, null],
    ['missing', 500, null, undefined, null],
    ['elsewhere', 500, null, undefined, null],
  ])('answers %s with %i', async (words, status, outcome, output, retryAfter) => {
    const { url } = await serveShop()
    const app = await appOf(toolFrom({ url: `${url}/search` }))
    const answer = await post(app, '/tools/search', toolCall('search', `answers-${words}`, 'c1', { words }))
    expect(answer.status).toBe(status)
    expect(answer.body.output).toBe(output)
    expect(answer.headers.get('x-outcome')).toBe(outcome)
    expect(answer.headers.get('retry-after')).toBe(retryAfter)
  })

  it('refuses the statuses that the environment names', async () => {
    const { url } = await serveShop()
    const app = await appOf(toolFrom({ url: `${url}/search`, refused: [404] }))
    const { body } = await post(app, '/tools/search', toolCall('search', 'named', 'c1', { words: 'missing' }))
    expect(body.output).toBe('Not Found')
  })

  it("takes its address and headers from the environment's settings", async () => {
    const { url, asked } = await serveShop()
    const shop = defineEnvironment({
      task: z.object({}),
      reference: z.object({}),
      state: z.object({}),
      settings: z.object({ SHOP_URL: z.url(), SHOP_KEY: z.string() }),
    })
    const read = shop.settings.read({ SHOP_URL: `${url}/search`, SHOP_KEY: 'secret' })
    if (!read.ok) throw new Error(read.problems.join())
    const source = shop.toolFrom({
      url: ({ SHOP_URL }) => SHOP_URL,
      headers: ({ SHOP_KEY }) => ({ authorization: `Bearer ${SHOP_KEY}` }),
      effects: 'none',
    })
    const app = await appOf(source, read.settings)
    await post(app, '/tools/search', toolCall('search', 'settings', 'c1', { words: 'tea' }))
    expect(asked[0]?.headers.get('authorization')).toBe('Bearer secret')
  })

  it('says at the start what is missing in the OpenAPI document', async () => {
    const { url } = await serveShop()
    await expect(appOf(toolFrom({ url: `${url}/find` }))).rejects.toThrow('has no POST /find in its OpenAPI document')
    await expect(appOf(toolFrom({ url: `${url}/ping` }))).rejects.toThrow('takes no JSON body at POST /ping')
    await expect(appOf(toolFrom({ url: `${url}/search`, openapi: `${url}/search` }))).rejects.toThrow(
      'has no OpenAPI document',
    )
  })

  it.each([{ type: 'string' }, { type: 'object', properties: { q: { $ref: '#/$defs/none' } } }])(
    'says at the start that the schema %j cannot be used',
    async (parameters) => {
      const { url } = await serveShop()
      const source = toolFrom({ url: `${url}/search`, description: 'Search.', parameters })
      await expect(appOf(source)).rejects.toThrow('has a tool "search" with a schema that cannot be used: ')
    },
  )

  it('says at the start that a tool with a complete definition cannot be reached', async () => {
    const url = 'http://127.0.0.1:59/search?key=hidden'
    const source = toolFrom({ url, description: 'Search.', parameters: { type: 'object' } })
    await expect(appOf(source)).rejects.toThrow(
      /^the tool at http:\/\/127\.0\.0\.1:59 cannot be reached: ECONNREFUSED; start it, or correct its address$/,
    )
  })
})
