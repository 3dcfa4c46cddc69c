import { z } from 'zod'

const schemaShape = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  default: z.unknown().optional(),
  examples: z.array(z.unknown()).optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  minItems: z.number().optional(),
  minLength: z.number().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
})

/**
 * Makes a value that likely fits a JSON Schema: the schema's own example, default or first choice if it has one, else the
 * smallest of its type, with texts made of `words`. Objects have their required properties, or all if `required` is absent.
 */
export function exampleOf(schema: unknown, words: string): unknown {
  const read = schemaShape.safeParse(schema)
  if (!read.success) return words
  const { data } = read
  if (data.const !== undefined) return data.const
  if (data.examples?.[0] !== undefined) return data.examples[0]
  if (data.default !== undefined) return data.default
  if (data.enum?.[0] !== undefined) return data.enum[0]
  const choice = (data.anyOf ?? data.oneOf)?.[0]
  if (choice !== undefined) return exampleOf(choice, words)
  const types = typeof data.type === 'string' ? [data.type] : (data.type ?? [])
  switch (types.find((type) => type !== 'null') ?? (data.properties ? 'object' : 'string')) {
    case 'object':
      return objectOf(data, words)
    case 'array':
      return Array.from({ length: data.minItems ?? 0 }, () => exampleOf(data.items, words))
    case 'number':
    case 'integer':
      return data.minimum ?? (data.exclusiveMinimum ?? 0) + 1
    case 'boolean':
      return false
    default:
      return words.padEnd(data.minLength ?? 0, '.')
  }
}

function objectOf({ properties = {}, required }: z.infer<typeof schemaShape>, words: string): unknown {
  const wanted = Object.entries(properties).filter(([name]) => required === undefined || required.includes(name))
  return Object.fromEntries(wanted.map(([name, schema]) => [name, exampleOf(schema, words)]))
}

/**
 * The arguments of a tool with every required text replaced; undefined if it takes no text.
 *
 * @param args the arguments that fit the tool
 */
export function textArguments(parameters: unknown, args: unknown, text: string): unknown {
  const properties = schemaShape.safeParse(parameters).data?.properties ?? {}
  const given = z.record(z.string(), z.unknown()).safeParse(args).data ?? {}
  const optional = Object.keys(properties).filter((name) => typesOf(properties[name]).includes('string'))
  const names = Object.keys(given).filter((name) => typeof given[name] === 'string')
  const replaced = names.length > 0 ? names : optional.slice(0, 1)
  if (replaced.length === 0) return undefined
  return { ...given, ...Object.fromEntries(replaced.map((name) => [name, text])) }
}

const typesOf = (schema: unknown): readonly string[] => {
  const type = schemaShape.safeParse(schema).data?.type
  return typeof type === 'string' ? [type] : (type ?? [])
}

/** Arguments that no tool should accept, each with its fault. */
export function badArguments(parameters: unknown): readonly BadArguments[] {
  const { properties = {}, required } = schemaShape.safeParse(parameters).data ?? {}
  const wrong = Object.entries(properties).map(([name, schema]) => [name, wrongFor(schema)])
  const bad: BadArguments[] = [
    { what: 'arguments that are not JSON', text: '{"' },
    // Without required arguments, unknown ones may be ignored.
    { what: 'unknown arguments', text: '{"no_such_argument": 1}', mayPass: (required ?? []).length === 0 },
  ]
  if (wrong.length > 0) {
    bad.push({ what: 'arguments of the wrong type', text: JSON.stringify(Object.fromEntries(wrong)) })
  }
  bad.push({ what: 'a list instead of an object', text: '[1]' })
  return bad
}

/** Arguments that do not fit a tool. */
export interface BadArguments {
  readonly what: string
  /** What is sent as the arguments. */
  readonly text: string
  /** Whether a tool may ignore the fault. */
  readonly mayPass?: boolean
}

const wrongFor = (schema: unknown) => (schemaShape.safeParse(schema).data?.type === 'object' ? 7 : { wrong: true })
