import { z } from 'zod'
import { shorten } from '../base/text.ts'

/** The JSON Schema of a tool's arguments. Throws if its input schema has none. */
export function parametersOf(name: string, input: z.ZodObject): Record<string, unknown> {
  try {
    const { $schema: _, ...schema } = z.toJSONSchema(input, {
      io: 'input',
      override: ({ jsonSchema }) => {
        if (jsonSchema.type === 'object') jsonSchema.additionalProperties ??= false
      },
    })
    return schema
  } catch (cause) {
    throw new Error(`the input schema of the tool "${name}" cannot be converted to JSON Schema`, { cause })
  }
}

const parametersShape = z.object({
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
})
const propertyShape = z.object({ type: z.string().optional(), enum: z.array(z.unknown()).optional() })

/**
 * Describes a tool's parameters on one line, for a model that gave invalid arguments, and names unknown arguments.
 *
 * @example describeParameters('search', parameters, { q: 'x' }) // 'search takes {"query": string}, and no "q"'
 */
export function describeParameters(name: string, parameters: unknown, given: unknown): string {
  const read = parametersShape.safeParse(parameters)
  if (!read.success) return `see the definition of ${name}`
  const { properties, required } = read.data
  const fields = Object.entries(properties).map(
    ([field, schema]) => `${JSON.stringify(field)}${required.includes(field) ? '' : '?'}: ${typeOf(schema)}`,
  )
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  const unknown = isObject ? Object.keys(given).filter((key) => !Object.hasOwn(properties, key)) : []
  const others = unknown.slice(0, 3).map((key) => JSON.stringify(shorten(key, 40)))
  return `${name} takes {${shorten(fields.join(', '), 500)}}${others.length > 0 ? `, and no ${others.join(', ')}` : ''}`
}

function typeOf(schema: unknown): string {
  const read = propertyShape.safeParse(schema)
  if (!read.success) return 'any'
  return read.data.enum?.map((value) => JSON.stringify(value)).join(' | ') ?? read.data.type ?? 'any'
}
