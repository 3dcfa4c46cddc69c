import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ question: z.string() }),
  reference: z.object({ answer: z.string() }),
  state: z.object({}),
})

const numberIn = (text: string) => Number(/-?\d+(?:\.\d+)?/.exec(text)?.[0] ?? Number.NaN)

/** Graders as people write them, each with the one fault that its name says. */
export const badGraders = {
  containsMatch: defineGrader({
    name: 'contains-match',
    version: '1',
    grade: ({ sample, reference }) => Number(sample.output_text.includes(reference.answer)),
  }),
  absoluteTolerance: defineGrader({
    name: 'absolute-tolerance',
    version: '1',
    grade: ({ sample, reference }) =>
      Number(Math.abs(numberIn(sample.output_text) - numberIn(reference.answer)) < 1 && sample.output_text.length < 30),
  }),
  countsCalls: defineGrader({
    name: 'counts-calls',
    version: '1',
    grade: ({ sample, reference, trajectory }) =>
      Math.max(Number(sample.output_text === reference.answer), Math.min(0.5, trajectory.length / 10)),
  }),
  trustsTheText: defineGrader({
    name: 'trusts-the-judges-text',
    version: '1',
    grade({ sample, reference }) {
      // What a judge that repeats the answer would say.
      const verdict = `The answer was: ${sample.output_text}. Score: ${Number(sample.output_text === reference.answer)}`
      return Math.min(1, Number(/score: (\d(?:\.\d+)?)/iu.exec(verdict)?.[1]))
    },
  }),
  random: defineGrader({
    name: 'random',
    version: '1',
    grade: ({ sample, reference }) =>
      sample.output_text === reference.answer ? 1 - Math.random() / 20 : Math.random() / 20,
  }),
  notANumber: defineGrader({
    name: 'not-a-number',
    version: '1',
    grade: ({ sample, reference }) => 1 - Math.min(1, Math.abs(Number(sample.output_text) - Number(reference.answer))),
  }),
  outOfRange: defineGrader({
    name: 'out-of-range',
    version: '1',
    grade: ({ sample, reference }) => (sample.output_text === reference.answer ? 1 : -0.5),
  }),
  rewardsLength: defineGrader({
    name: 'rewards-length',
    version: '1',
    grade: ({ sample, reference }) =>
      sample.output_text === reference.answer ? 1 : Math.min(1, sample.output_text.length / 1_000),
  }),
  notFarOff: defineGrader({
    name: 'not-far-off',
    version: '1',
    grade: ({ sample, reference }) =>
      Number(!(Math.abs(Number(sample.output_text || '1e9') / Number(reference.answer) - 1) > 0.01)),
  }),
  throwing: defineGrader({
    name: 'throwing',
    version: '1',
    grade() {
      throw new Error('out of order')
    },
  }),
  strict: defineGrader({
    name: 'strict',
    version: '1',
    grade: ({ sample, reference }) => Number(sample.output_text === reference.answer),
  }),
}

/** Items for them: small and large numbers, of either sign. */
export const items = ['0.04', '12.5', '-3', '1250', '0.7', '88'].map((answer, n) => ({
  question: `What is the figure of line ${'abcdef'[n]}?`,
  answer,
}))
