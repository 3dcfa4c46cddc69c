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
 * Makes a value that a JSON Schema likely takes: the schema's own example, default or first choice where it has one, else the
 * least of its type, texts made of `words`. Objects have what is required of them; all they may have where that is not said.
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

/** Arguments that no tool should take: no JSON, none of those that it has, and each of the wrong type. */
export function badArguments(parameters: unknown): readonly (readonly [what: string, text: string])[] {
  const properties = schemaShape.safeParse(parameters).data?.properties ?? {}
  const wrong = Object.entries(properties).map(([name, schema]) => [name, wrongFor(schema)])
  return [
    ['no JSON', '{"'],
    ['arguments that it does not have', '{"no_such_argument": 1}'],
    ['arguments of the wrong type', JSON.stringify(Object.fromEntries(wrong))],
  ]
}

const wrongFor = (schema: unknown) => (schemaShape.safeParse(schema).data?.type === 'object' ? 7 : { wrong: true })
