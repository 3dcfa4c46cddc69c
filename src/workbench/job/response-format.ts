import { z } from 'zod'

/** The training platforms whose jobs are written. */
export const platforms = ['openai', 'azure'] as const

/** A training platform. */
export type Platform = (typeof platforms)[number]

/** The form that answers are to have, whoever is told of it. */
export interface AnswerFormat {
  readonly name: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly strict: boolean
}

const schema = z.record(z.string(), z.unknown())
const named = z.object({ name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/), schema, strict: z.boolean().default(true) })
const asOpenAI = z.object({ type: z.literal('json_schema'), json_schema: named }).transform((one) => one.json_schema)
const asAzure = named.extend({ type: z.literal('json_schema').optional() })
const bare = z
  .looseObject({ type: z.literal('object'), properties: schema })
  .transform((whole) => ({ name: 'answer', schema: whole, strict: true }))

/** Reads the form of answers from what is written: as either platform writes it, or a JSON Schema of an object alone. */
export const answerFormat: z.ZodType<AnswerFormat> = z.union([asOpenAI, asAzure, bare], {
  error: 'must be a JSON Schema of an object, or { name, schema, strict }, alone or in json_schema',
})

/**
 * A job's `response_format` as a platform documents it: OpenAI has what describes the schema in `json_schema`, Azure beside
 * `type`.
 *
 * Source: OpenAI's guide "Reinforcement fine-tuning"; Azure's page of the same name, section "Response format".
 */
export function responseFormat(platform: Platform, { name, schema, strict }: AnswerFormat): object {
  return platform === 'openai'
    ? { type: 'json_schema', json_schema: { name, strict, schema } }
    : { type: 'json_schema', name, schema, strict }
}
