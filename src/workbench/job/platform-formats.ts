import { z } from 'zod'

/** The training platforms whose jobs can be written. */
export const platforms = ['openai', 'azure'] as const

/** A training platform. */
export type Platform = (typeof platforms)[number]

const orAuto = <T extends z.ZodType>(shape: T, what: string) =>
  z.union([z.literal('auto'), shape], { error: `must be auto or ${what}` })

const whole = (min: number, max: number) => orAuto(z.int().min(min).max(max), `a whole number from ${min} to ${max}`)
const wholeFrom = (min: number) => orAuto(z.int().min(min), `a whole number, ${min} or more`)

/**
 * The hyperparameters of a reinforcement job with their ranges; `auto`, where it is allowed, leaves the choice to the
 * trainer.
 *
 * Source: OpenAI's API description, schema FineTuneReinforcementHyperparameters; Azure's page "Reinforcement fine-tuning".
 */
export const hyperparameters = z.strictObject({
  /** Rows in a training step. */
  batch_size: whole(1, 256).optional(),
  /** Passes through the training set. */
  n_epochs: whole(1, 50).optional(),
  learning_rate_multiplier: orAuto(z.number().positive(), 'a number greater than 0').optional(),
  /** How much is explored: the number of rollouts a row grows with it. */
  compute_multiplier: orAuto(z.number().gt(0.00001).max(10), 'a number greater than 0.00001, at most 10').optional(),
  reasoning_effort: z.enum(['low', 'medium', 'high'], { error: 'must be low, medium or high' }).optional(),
  /** Training steps between two validations. */
  eval_interval: wholeFrom(1).optional(),
  /** Rollouts of each row in a validation. */
  eval_samples: wholeFrom(1).optional(),
})

/** The hyperparameters of a reinforcement job. */
export type Hyperparameters = z.infer<typeof hyperparameters>

/** Their names. */
export const hyperparameterNames = hyperparameters.keyof().options

/** The format of answers, independent of the platform. */
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
  .transform((object) => ({ name: 'answer', schema: object, strict: true }))

/** Reads the format of answers as either platform writes it, or as the JSON Schema of an object. */
export const answerFormat: z.ZodType<AnswerFormat> = z.union([asOpenAI, asAzure, bare], {
  error: 'must be a JSON Schema of an object, or { name, schema, strict }, alone or in json_schema',
})

/**
 * A job's `response_format` as a platform documents it: OpenAI nests the schema in `json_schema`, Azure puts it beside
 * `type`.
 *
 * Source: OpenAI's guide "Reinforcement fine-tuning"; Azure's page of the same name, section "Response format".
 */
export function responseFormat(platform: Platform, format: AnswerFormat): object {
  const { name, schema, strict } = format
  return platform === 'openai'
    ? { type: 'json_schema', json_schema: { name, strict, schema } }
    : { type: 'json_schema', name, schema, strict }
}
