import { z } from 'zod'
import type { HttpAddress, RemoteDefinition } from '../../kit/tool-servers.ts'
import { reasonOf } from './mcp-connection.ts'

const schemaShape = z.record(z.string(), z.unknown())
const operationShape = z.looseObject({
  summary: z.string().optional(),
  description: z.string().optional(),
  requestBody: z
    .looseObject({ content: z.record(z.string(), z.looseObject({ schema: schemaShape.optional() })) })
    .optional(),
})
const documentShape = z.looseObject({
  paths: z.record(z.string(), z.looseObject({ post: operationShape.optional() })),
  components: z.looseObject({ schemas: z.record(z.string(), schemaShape).optional() }).optional(),
})

type Described = Omit<RemoteDefinition, 'name'>

/**
 * Reads what the OpenAPI document says about the operation `POST` of an address: its description, and the schema of its JSON
 * body with the schemas that it refers to. Throws an Error that says what is missing.
 */
export async function toolInOpenApi(
  { openapi, headers, parameters }: HttpAddress,
  url: URL,
  where: string,
  signal: AbortSignal,
): Promise<Described> {
  const instead = 'correct the address, or give toolFrom a name, a description and parameters'
  const problem = (what: string, cause?: unknown) => new Error(`${where} ${what}; ${instead}`, { cause })
  const answer = await fetch(openapi, { headers: { ...headers, accept: 'application/json' }, signal }).catch(
    (cause: unknown) => {
      throw problem(`cannot be reached: ${reasonOf(cause)}`, cause)
    },
  )
  if (!answer.ok) throw problem(`has no OpenAPI document: it answers ${answer.status}`)
  const json: unknown = await answer.json().catch((cause: unknown) => {
    throw problem('has an OpenAPI document that is not JSON', cause)
  })
  const document = documentShape.safeParse(json)
  if (!document.success) throw problem('has an OpenAPI document that cannot be read')
  const { paths, components } = document.data
  const operation = operationAt(paths, url.pathname)
  if (operation === undefined) throw problem(`has no POST ${url.pathname} in its OpenAPI document`)
  const { summary, description = summary ?? '', requestBody } = operation
  if (parameters !== undefined) return { description, parameters }
  const schema = requestBody?.content['application/json']?.schema
  if (schema === undefined) throw problem(`takes no JSON body at POST ${url.pathname}, says its OpenAPI document`)
  return { description, parameters: withDefinitions(schema, components?.schemas ?? {}) }
}

type Operation = z.infer<typeof operationShape>
type Paths = z.infer<typeof documentShape>['paths']

/** The operation at a path, or at its end: a proxy may serve the document's paths under a prefix. */
function operationAt(paths: Paths, pathname: string): Operation | undefined {
  const [exact] = Object.entries(paths).filter(([path, { post }]) => path === pathname && post !== undefined)
  const ends = Object.entries(paths).filter(([path, { post }]) => pathname.endsWith(path) && post !== undefined)
  const [longest] = ends.sort(([one], [other]) => other.length - one.length)
  return (exact ?? longest)?.[1].post
}

type Schema = z.infer<typeof schemaShape>

const place = '#/components/schemas/'

/** A schema that stands alone: what it refers to is in its `$defs`. A reference at the top is replaced by its target. */
function withDefinitions(schema: Schema, schemas: Readonly<Record<string, Schema>>): Schema {
  const { $ref } = schema
  const target = typeof $ref === 'string' && $ref.startsWith(place) ? schemas[$ref.slice(place.length)] : undefined
  const top = target ?? schema
  const used = new Map<string, unknown>()
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        if (key !== '$ref' || typeof inner !== 'string' || !inner.startsWith(place)) return [key, moved(inner)]
        const name = inner.slice(place.length)
        if (!used.has(name)) {
          used.set(name, undefined)
          used.set(name, moved(schemas[name]))
        }
        return [key, `#/$defs/${name}`]
      }),
    )
  }
  const body = schemaShape.parse(moved(top))
  return used.size === 0 ? body : { ...body, $defs: Object.fromEntries(used) }
}
