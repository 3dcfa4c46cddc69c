import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Database } from '../../../../src/postgres/database.ts'
import { migrate } from '../../../../src/postgres/migrate.ts'
import { defineGrader, defineTool, open, testApp } from '../../../support/app.ts'
import { createTestDatabase, type TestDatabase } from '../../../support/database.ts'

let home: TestDatabase
let database: Database

beforeAll(async () => {
  home = await createTestDatabase({ migrated: false })
  database = open(home.url)
})

afterAll(async () => {
  await database.close()
  await home.drop()
})

const search = defineTool({
  name: 'search',
  description: 'Find pages.',
  input: z.object({
    query: z.string().min(1).describe('what to look for'),
    limit: z.number().int().min(1).max(10).default(5),
    filter: z.object({ year: z.number().optional() }).optional(),
    tags: z.record(z.string(), z.string()).optional(),
    order: z.enum(['best', 'newest']).optional(),
    trimmed: z.string().transform((text) => text.trim()),
  }),
  effects: 'none',
  run: () => '',
})
const nothing = defineTool({
  name: 'now',
  description: 'Tells the time.',
  input: z.object({}),
  effects: 'none',
  run: () => 1,
})
const one = defineGrader({ name: 'one', version: '7', grade: () => 1 })
const app = () => testApp(database, { tools: [search, nothing], graders: [one], wires: [] })

describe('GET /tools', () => {
  it('returns the definitions in the format of dataset rows, without additional properties on any level', async () => {
    const response = await app().request('/tools')
    expect(await response.json()).toEqual([
      {
        type: 'function',
        function: {
          name: 'search',
          description: 'Find pages.',
          parameters: {
            type: 'object',
            properties: {
              query: { type: 'string', minLength: 1, description: 'what to look for' },
              limit: { type: 'integer', minimum: 1, maximum: 10, default: 5 },
              filter: { type: 'object', properties: { year: { type: 'number' } }, additionalProperties: false },
              tags: { type: 'object', propertyNames: { type: 'string' }, additionalProperties: { type: 'string' } },
              order: { type: 'string', enum: ['best', 'newest'] },
              trimmed: { type: 'string' },
            },
            required: ['query', 'trimmed'],
            additionalProperties: false,
          },
        },
      },
      {
        type: 'function',
        function: {
          name: 'now',
          description: 'Tells the time.',
          parameters: { type: 'object', properties: {}, additionalProperties: false },
        },
      },
    ])
  })
})

const answers = z.record(
  z.string().regex(/^[1-5]\d\d$/),
  z.strictObject({
    description: z.string(),
    content: z.record(z.string(), z.strictObject({ schema: z.looseObject({}) })).optional(),
  }),
)
const operation = z.looseObject({
  summary: z.string().min(1),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  requestBody: z.strictObject({ required: z.boolean(), content: z.looseObject({}) }).optional(),
  responses: answers,
})
const openApi31 = z.strictObject({
  openapi: z.literal('3.1.0'),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
  servers: z
    .array(z.strictObject({ url: z.string(), description: z.string(), variables: z.looseObject({}).optional() }))
    .min(2),
  paths: z.record(z.string().startsWith('/'), z.partialRecord(z.enum(['get', 'post']), operation)),
  components: z.strictObject({ schemas: z.looseObject({}), securitySchemes: z.looseObject({}) }),
})

const sdkPaths = ['/v1', '/openai/v1', '/openai'].flatMap((base) =>
  ['graders/run', 'graders/validate', 'tool/run'].map((path) => `${base}/fine_tuning/alpha/${path}`),
)

describe('GET /openapi.json', () => {
  it('is an OpenAPI 3.1 document of all addresses, whose references resolve', async () => {
    const text = await (await app().request('/openapi.json')).text()
    const document = openApi31.parse(JSON.parse(text))
    expect(Object.keys(document.paths).sort()).toEqual(
      [
        ...['', '/agent-rft'].flatMap((prefix) => [
          `${prefix}/tools`,
          `${prefix}/tools/search`,
          `${prefix}/tools/now`,
          `${prefix}/grade`,
          `${prefix}/graders/one`,
          `${prefix}/rollouts/{id}/end`,
        ]),
        '/healthz',
        '/readyz',
        '/openapi.json',
        ...sdkPaths,
      ].sort(),
    )
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference)
    expect(new Set(references)).toEqual(new Set(['#/components/schemas/Error', '#/components/schemas/SdkError']))
    expect(document.components.schemas).toMatchObject({ Error: {}, SdkError: {} })
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
    const schemes = operations.flatMap(({ security = [] }) => security.flatMap((one) => Object.keys(one)))
    expect(new Set(schemes)).toEqual(new Set(Object.keys(document.components.securitySchemes)))
  })

  it('describes the answers of every address', async () => {
    const document = openApi31.parse(await (await app().request('/openapi.json')).json())
    const { paths } = document
    expect(paths['/tools/search']).toMatchObject({
      post: {
        summary: 'Find pages.',
        'x-arguments': { required: ['query', 'trimmed'] },
        responses: {
          200: {},
          400: {},
          401: {},
          403: {},
          413: {},
          415: {},
          422: {},
          500: {},
          503: {},
          504: {},
        },
      },
    })
    expect(paths['/graders/one']).toMatchObject({ post: { summary: 'Grade a rollout with one, version 7.' } })
    expect(document.info.version).toBe('test')
  })

  it('requires no field of a call, and only the sample of a grading', async () => {
    const text = await (await app().request('/openapi.json')).text()
    const { paths } = openApi31.parse(JSON.parse(text))
    const bodyOf = (schema: object) => ({ post: { requestBody: { content: { 'application/json': { schema } } } } })
    expect(paths['/grade']).toMatchObject(bodyOf({ type: 'object', required: ['sample'] }))
    expect(paths['/tools']).toMatchObject(bodyOf({ type: 'object' }))
    expect(JSON.stringify(paths['/tools'])).not.toContain('"required":["item"]')
  })
})

describe('a server', () => {
  it('is healthy before it is ready, and ready once the database is migrated', async () => {
    expect(await (await app().request('/healthz')).json()).toEqual({ status: 'ok' })
    const before = await app().request('/readyz')
    expect([before.status, await before.json()]).toMatchObject([503, { error: { code: 'database_not_migrated' } }])
    expect(Number(before.headers.get('retry-after'))).toBeGreaterThan(0)
    await migrate(home.url)
    const after = await app().request('/readyz')
    expect([after.status, await after.json()]).toEqual([200, { status: 'ready' }])
    expect((await app().request('/readyz', { method: 'HEAD' })).status).toBe(200)
  })

  it('rejects two tools or two graders with the same name', () => {
    expect(() => testApp(database, { tools: [search, nothing, search] })).toThrow('two tools are named "search"')
    expect(() => testApp(database, { graders: [one, one] })).toThrow('two graders are named "one"')
  })
})
