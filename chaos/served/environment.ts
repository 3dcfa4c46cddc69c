import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'

/** The environment of the replicas: a state that counts the tools' effects, and a budget of ten calls. */
export const environment = defineEnvironment({
  task: z.object({ question: z.string() }),
  reference: z.object({ answer: z.string() }),
  state: z.object({ wrote: z.number().default(0), acted: z.number().default(0) }),
  budget: { calls: 10 },
})

export const { defineTool, defineGrader } = environment
