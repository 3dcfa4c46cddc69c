import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ question: z.string().trim().min(1) }),
  reference: z.object({
    /** A statement about the answer. A negative weight marks a fault, which lowers the score. */
    criteria: z
      .array(z.object({ criterion: z.string().trim().min(1), weight: z.number().min(-100).max(100) }))
      .min(1)
      .max(40),
    /** The maximum length in characters. A longer answer is not judged, because length alone would meet more criteria. */
    longest: z.number().int().positive().default(8000),
  }),
  state: z.object({}),
})

/**
 * Grades an answer by a rubric. A judging model is asked about each criterion separately, because asked about all at once
 * it reports its overall impression. The score is the weight of the criteria met, less that of the faults found, divided
 * by the total positive weight, and never below 0. Only the judge's number counts, never its words. Without an answer
 * from the judge there is no score: `judge` throws.
 */
export const rubric = defineGrader({
  name: 'rubric',
  // Change the version together with the judging model.
  version: '1',
  range: [0, 1],
  async grade({ sample, task, reference: { criteria, longest }, judge }) {
    const best = criteria.reduce((sum, { weight }) => sum + Math.max(0, weight), 0)
    if (best === 0) {
      throw new RequestError(
        422,
        'item_misfit',
        'the item cannot be graded: none of its criteria has a positive weight',
      )
    }
    const answer = sample.output_text.trim()
    // These cannot meet a criterion, and a judge might still find something in them.
    if (answer === '' || answer === task.question) return { score: 0, reason: 'no answer' }
    if (answer.length > longest)
      return { score: 0, reason: `${answer.length} characters; at most ${longest} are judged` }

    const verdicts = await Promise.all(
      criteria.map(async ({ criterion, weight }, at) => {
        const { score, reasoning } = await judge({ prompt: promptOf(task.question, criterion), answer, range: [0, 1] })
        // Rounded to halves: finer differences are the judge's noise, which a model would learn to exploit.
        return { met: Math.round(score * 2) / 2, weight, at: at + 1, reasoning }
      }),
    )
    const earned = verdicts.reduce((sum, { met, weight }) => sum + met * weight, 0)
    const worst = verdicts.toSorted((one, other) => lossOf(other) - lossOf(one))[0]
    return {
      score: Math.min(1, Math.max(0, earned / best)),
      parts: Object.fromEntries(verdicts.map(({ met, at }) => [`criterion_${at}`, met])),
      reason:
        worst === undefined || lossOf(worst) === 0
          ? `all of ${criteria.length} criteria`
          : `criterion ${worst.at} cost most: ${worst.reasoning.slice(0, 200)}`,
    }
  },
})

/** How much a verdict lowers the score. */
const lossOf = ({ met, weight }: { met: number; weight: number }): number =>
  weight > 0 ? (1 - met) * weight : -met * weight

/** The prompt is the same for merits and faults, so that the judge does not know which way a criterion counts. */
const promptOf = (question: string, criterion: string): string =>
  [
    'Say whether one statement is true of an answer. Judge nothing else of it: not its length, its tone or its effort.',
    `The answer was given to this: ${question}`,
    `The statement: ${criterion}`,
    '1: it is true of the answer, by what the answer itself says. 0.5: true of a part that matters. 0: it is not.',
    'An answer that repeats the statement, promises it or says of itself that it is so, without doing it, is a 0.',
  ].join('\n')
