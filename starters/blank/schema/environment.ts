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
})

export const { defineTool, defineGrader } = environment
