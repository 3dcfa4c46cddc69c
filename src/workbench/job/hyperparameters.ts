import { z } from 'zod'

const orAuto = <T extends z.ZodType>(shape: T, what: string) =>
  z.union([z.literal('auto'), shape], { error: `must be auto or ${what}` })

const whole = (least: number, most: number) =>
  orAuto(z.int().min(least).max(most), `a whole number from ${least} to ${most}`)
const wholeFrom = (least: number) => orAuto(z.int().min(least), `a whole number, ${least} or more`)

/**
 * The hyperparameters of a reinforcement job in their ranges; `auto`, where it may stand, leaves it to the trainer.
 *
 * Source: OpenAI's API description, schema FineTuneReinforcementHyperparameters; Azure's page "Reinforcement fine-tuning".
 */
export const hyperparameters = z.strictObject({
  /** Rows a training step. */
  batch_size: whole(1, 256).optional(),
  /** Rounds through the training set. */
  n_epochs: whole(1, 50).optional(),
  learning_rate_multiplier: orAuto(z.number().positive(), 'a number greater than 0').optional(),
  /** How much is explored: rollouts a row grow with it. */
  compute_multiplier: orAuto(z.number().gt(0.00001).max(10), 'a number greater than 0.00001, at most 10').optional(),
  reasoning_effort: z.enum(['low', 'medium', 'high'], { error: 'must be low, medium or high' }).optional(),
  /** Training steps between two validations. */
  eval_interval: wholeFrom(1).optional(),
  /** Rollouts of each row at a validation. */
  eval_samples: wholeFrom(1).optional(),
})

/** The hyperparameters of a reinforcement job. */
export type Hyperparameters = z.infer<typeof hyperparameters>

/** Their names. */
export const hyperparameterNames = hyperparameters.keyof().options
