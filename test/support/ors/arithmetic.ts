import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import type { Tool } from '../../../src/kit/define-tool.ts'
import { UngradableError } from '../../../src/kit/errors.ts'

/** An environment of sums: the task is a question, the reference its answer. */
export const environment = defineEnvironment({
  task: z.object({ id: z.string(), question: z.string() }),
  reference: z.object({ answer: z.string() }),
  state: z.object({ notes: z.array(z.string()).default([]) }),
  budget: { calls: 3 },
  submit: {
    name: 'submit',
    description: 'Submit the answer',
    input: z.object({ answer: z.string() }),
    sample: ({ answer }) => answer,
  },
})

/** The rows of its dataset. */
export const rows = [
  { id: '0', question: 'What is 2+2?', answer: '4' },
  { id: '1', question: 'What is 3+4?', answer: '7' },
  { id: '2', question: 'What is 5+6?', answer: '11' },
]

/** Keeps a note, and says which one it is. */
export const note: Tool = environment.defineTool({
  name: 'note',
  description: 'Keeps a note.',
  input: z.object({ text: z.string() }),
  effects: 'database',
  run: ({ input, state, task }) => `note ${state.notes.push(input.text)} on ${task.question}`,
})

/** Repeats a text, any number of times. */
export const repeat: Tool = environment.defineTool({
  name: 'repeat',
  description: 'Repeats a text.',
  input: z.object({ text: z.string(), times: z.int() }),
  effects: 'none',
  run: ({ input }) => input.text.repeat(input.times),
})

/** 1 for the answer, 0.1 for a note without it; the answer "unknown" cannot be graded. */
export const sums = environment.defineGrader({
  name: 'sums',
  version: '1',
  grade({ sample, reference, state }) {
    if (sample.output_text === 'unknown')
      throw new UngradableError(503, 'judge_unavailable', 'the judge does not answer')
    const isRight = sample.output_text === reference.answer
    return { score: isRight ? 1 : 0.1 * Math.min(state.notes.length, 1), parts: { right: Number(isRight) } }
  },
})
