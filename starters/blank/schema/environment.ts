import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'

/** YOURS: what an item of the dataset is, what a rollout remembers, and how many calls it may make. */
export const environment = defineEnvironment({
  // What tools and graders see of an item.
  task: z.object({ messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })) }),
  // What graders alone see.
  reference: z.object({ price: z.string() }),
  // What the rollout's tools remember between calls.
  state: z.object({ lookedUp: z.array(z.string()).default([]) }),
  // From the environment variables, checked at the start; tools and graders read them as `settings`.
  settings: z.object({ CURRENCY: z.string().length(3).default('EUR') }),
  budget: { calls: 6 },
  // What a model calls to finish, where the trainer ends a rollout with a call (Open Reward Standard).
  submit: {
    name: 'submit',
    description: 'Submit the price: the number alone. This ends the task.',
    input: z.object({ price: z.string().min(1).describe('The price') }),
    sample: ({ price }) => price,
  },
})

export const { defineTool, defineGrader } = environment
