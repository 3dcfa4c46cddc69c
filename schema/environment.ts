import { z } from 'zod'
import { defineEnvironment } from '../src/kit/define.ts'

const message = z.looseObject({ role: z.string(), content: z.unknown().optional() })

/** A label as it appears in datasets: text or a number. */
const label = z.union([z.string().trim().min(1, 'is empty'), z.number(), z.bigint()]).transform(String)

/**
 * The dataset of the example: financial questions with one answer each. Change this file to describe your items.
 *
 * Some public datasets call the label `target`.
 */
export const environment = defineEnvironment({
  task: z.object({ messages: z.array(message).default([]) }),
  reference: z
    .object({ reference_answer: label.nullish(), target: label.nullish(), gold_path: z.string().nullish() })
    .transform((item, context) => {
      const answer = item.reference_answer ?? item.target
      if (answer != null) return { reference_answer: answer, gold_path: item.gold_path ?? undefined }
      context.issues.push({ code: 'custom', path: ['reference_answer'], message: 'is missing', input: item })
      return z.NEVER
    }),
  state: z.object({}),
  budget: { calls: 10 },
  // Whether the answer is right cannot be gamed: alarms compare the reward with it.
  trusted: 'answer',
  // What a model calls to finish, where the trainer ends a rollout with a call (Open Reward Standard).
  submit: {
    name: 'submit',
    description: 'Submit the final answer: the figure alone, with its unit or % if it has one. This ends the task.',
    input: z.object({ answer: z.string().min(1).describe('The final answer') }),
    sample: ({ answer }) => answer,
  },
})

export const { defineTool, defineGrader } = environment
