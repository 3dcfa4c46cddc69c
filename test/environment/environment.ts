import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'

/** A label as datasets write it: text, or a number. */
const label = z.union([z.string().trim().min(1, 'is empty'), z.number(), z.bigint()]).transform(String)

/** The environment that the tests serve: questions about invented reports, each with one figure as its answer. */
export const environment = defineEnvironment({
  task: z.object({
    messages: z.array(z.looseObject({ role: z.string(), content: z.unknown().optional() })).default([]),
  }),
  reference: z
    .object({ reference_answer: label.nullish(), gold_path: z.string().nullish() })
    .transform(({ reference_answer, gold_path }, context) => {
      if (reference_answer != null) return { reference_answer, gold_path: gold_path ?? undefined }
      context.issues.push({ code: 'custom', path: ['reference_answer'], message: 'is missing', input: gold_path })
      return z.NEVER
    }),
  state: z.object({ notes: z.array(z.string()).default([]) }),
  budget: { calls: 10 },
  trusted: 'answer',
})

export const { defineTool, defineGrader } = environment
