import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ question: z.string().trim().min(1) }),
  reference: z.object({
    /** What is looked for. A criterion of negative weight is a fault: an answer that has it loses. */
    criteria: z
      .array(z.object({ criterion: z.string().trim().min(1), weight: z.number().min(-100).max(100) }))
      .min(1)
      .max(40),
    /** In characters. A longer answer is not judged: it would be paid for by the page, and has something for everybody. */
    longest: z.number().int().positive().default(8000),
  }),
  state: z.object({}),
})

/**
 * An answer by a rubric: a judging model is asked for each criterion by itself, since of a list asked together it says what
 * the whole impresses it with. The score is the weights of what is met, faults subtracted, of the weights of all that can
 * be met, and never below 0. What decides is the judge's number, never its words, and no answer of the judge is no score:
 * `judge` throws.
 */
export const rubric = defineGrader({
  name: 'rubric',
  // Another judging model is another grader: change it with the model.
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
    // Nothing can be met by these, and a judge asked about nothing may see something in it.
    if (answer === '' || answer === task.question) return { score: 0, reason: 'no answer' }
    if (answer.length > longest) return { score: 0, reason: `${answer.length} characters where ${longest} are read` }

    const verdicts = await Promise.all(
      criteria.map(async ({ criterion, weight }, at) => {
        const { score, reasoning } = await judge({ prompt: promptOf(task.question, criterion), answer, range: [0, 1] })
        // In halves: what lies between them is a judge's mood, and a model would learn to please it.
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
          : `most was lost by criterion ${worst.at}: ${worst.reasoning.slice(0, 200)}`,
    }
  },
})

/** How much of the score a verdict takes away. */
const lossOf = ({ met, weight }: { met: number; weight: number }): number =>
  weight > 0 ? (1 - met) * weight : -met * weight

/** The same words for a merit and a fault: whether it counts for or against is none of the judge's business. */
const promptOf = (question: string, criterion: string): string =>
  [
    'Say whether one statement is true of an answer. Judge nothing else of it: not its length, its tone or its effort.',
    `The answer was given to this: ${question}`,
    `The statement: ${criterion}`,
    '1: it is true of the answer, by what the answer itself says. 0.5: true of a part that matters. 0: it is not.',
    'An answer that repeats the statement, promises it or says of itself that it is so, without doing it, is a 0.',
  ].join('\n')
