import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { badArguments, exampleOf } from '../../../../src/workbench/preflight/example-arguments.ts'

const schemas = {
  'a text': z.object({ query: z.string().min(20) }),
  'optional and required': z.object({ path: z.string(), depth: z.number().optional() }),
  'numbers with a minimum': z.object({ page: z.int().min(3), share: z.number().gt(0.5) }),
  'a choice': z.object({ by: z.enum(['year', 'company']), kind: z.literal('report') }),
  'one of several': z.object({ at: z.union([z.number(), z.string()]) }),
  'lists with elements': z.object({ paths: z.array(z.string()).min(2), all: z.boolean() }),
  'a nullable field': z.object({ note: z.string().nullable() }),
  'an object in an object': z.object({ filter: z.object({ year: z.number(), names: z.array(z.string()) }) }),
  nothing: z.object({}),
}

describe('generated arguments', () => {
  it.each(Object.entries(schemas))('fit a JSON Schema with %s; bad ones do not', (_, schema) => {
    const parameters = z.toJSONSchema(schema)
    const fits = new Ajv2020({ strict: false }).compile(parameters)
    const example = exampleOf(parameters, 'revenue of the year')
    expect([fits(example), fits.errors]).toEqual([true, null])
    expect(schema.safeParse(example).success).toBe(true)
    const texts = new Map(badArguments(parameters).map(({ what, text }) => [what, text]))
    expect(() => JSON.parse(texts.get('arguments that are not JSON') ?? '{}')).toThrow()
    expect(texts.get('a list instead of an object')).toBe('[1]')
    if (Object.keys(schema.shape).length === 0) return
    expect(schema.safeParse(JSON.parse(texts.get('arguments of the wrong type') ?? '')).success).toBe(false)
  })

  it('are the schema’s own example if it has one, and words if nothing is known', () => {
    expect(exampleOf({ type: 'string', examples: ['OAK/2014'] }, 'x')).toBe('OAK/2014')
    expect(exampleOf({ type: 'string', default: 'usual' }, 'x')).toBe('usual')
    expect(exampleOf(undefined, 'x')).toBe('x')
  })
})
