import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { wires } from '../../../src/wires/wires.ts'
import { defineGrader, defineTool, type TestAppOptions, testApp } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  effects: 'none',
  run: () => 'seen',
})
const one = defineGrader({ name: 'one', version: '1', grade: () => 1 })
const app = (options: TestAppOptions = {}) => testApp(database, { tools: [look], graders: [one], ...options })

const parameter = z.looseObject({ name: z.string(), in: z.enum(['path', 'query', 'header']) })
const operation = z.looseObject({
  parameters: z.array(parameter).optional(),
  summary: z.string().min(1),
  tags: z.array(z.string()).optional(),
  responses: z.record(z.string().regex(/^[1-5]\d\d$/), z.looseObject({ description: z.string().min(1) })),
})
const pathItem = z.strictObject({
  get: operation.optional(),
  post: operation.optional(),
  parameters: z.array(parameter).optional(),
})
const document = z.looseObject({
  paths: z.record(z.string().startsWith('/'), pathItem),
  components: z.looseObject({ schemas: z.looseObject({}) }),
})

async function description(options?: TestAppOptions) {
  const text = await (await app(options).request('/openapi.json')).text()
  return { text, ...document.parse(JSON.parse(text)) }
}

/** What each address serves, as `GET /path`. */
const operationsIn = ({ paths }: z.infer<typeof document>) =>
  Object.entries(paths).flatMap(([path, item]) => [
    ...(item.get ? [`GET ${path}`] : []),
    ...(item.post ? [`POST ${path}`] : []),
  ])

/** Addresses that are served to refuse a request, not to answer it. */
const refusals = [
  ...['/healthz', '/readyz', '/openapi.json', '/metrics'].map((path) => `POST ${path}`),
  // A call without the name of a tool.
  ...['/nemo-gym', '/nemo-gym/ng-rollout/{ngRollout}'].map((path) => `POST ${path}`),
  ...['/verifiers', '/verifiers/ng-rollout/{ngRollout}'].map((path) => `POST ${path}`),
]

/** The routes of an app, with its tool and its grader for their parameters. */
const routesOf = (routes: readonly { readonly method: string; readonly path: string }[]) =>
  routes
    .filter(({ method }) => method === 'GET' || method === 'POST')
    .map(({ method, path }) => {
      const named = path
        .replace(/:tool\{\.\+\}$|(?<=\/tools\/):name$/, look.name)
        .replace(/:grader$|(?<=\/graders\/):name$/, one.name)
      return `${method} ${named.replaceAll(/:(\w+)/g, '{$1}')}`
    })

describe('GET /openapi.json', () => {
  it('describes every route that the server has, and none that it does not have', async () => {
    const routes = new Set(routesOf(app().routes).filter((route) => !refusals.includes(route)))
    expect(new Set(operationsIn(await description()))).toEqual(routes)
  })

  it('describes the wires that are on, under their prefixes, and no others', async () => {
    for (const wire of wires) {
      const { paths } = await description({ wires: [wire] })
      const tagged = Object.entries(paths).filter(([, { get, post }]) =>
        [get, post].some((one) => one?.tags?.includes(wire.name)),
      )
      expect(tagged.length).toBeGreaterThan(0)
      for (const [path] of tagged) expect(`${path}/`.startsWith(`${wire.prefix}/`)).toBe(true)
      const others = wires.filter((other) => other !== wire && !other.prefix.startsWith(`${wire.prefix}/`))
      for (const { prefix } of others)
        expect(Object.keys(paths).some((path) => `${path}/`.startsWith(`${prefix}/`))).toBe(false)
    }
  })

  it('describes each parameter of an address, and each schema that it refers to', async () => {
    const { text, paths, components } = await description()
    for (const [path, { get, post, parameters = [] }] of Object.entries(paths)) {
      const all = [parameters, get?.parameters ?? [], post?.parameters ?? []].flat()
      const inPath = all.filter((one) => one.in === 'path').map(({ name }) => name)
      expect([path, inPath.toSorted()]).toEqual([
        path,
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted(),
      ])
    }
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name)
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining([...new Set(references)]))
    expect([...text.matchAll(/"\$ref":"(?!#\/components\/schemas\/)/g)]).toEqual([])
  })
})
