import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { scoreMentions } from '../../src/kit/scoring/mentions.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ question: z.string() }),
  reference: z.object({
    facts: z.array(z.object({ phrase: z.string().trim().min(1), weight: z.number().positive().default(1) })).min(1),
    /** The characters that an answer may have; without it, twice the facts' own and a few words. */
    longest: z.number().int().positive().optional(),
  }),
  state: z.object({}),
})

/** The words that join two or three facts to a sentence, in characters. */
const joiningWords = 30

/**
 * The facts that an answer should mention, those that matter more weighing more. A fact that the answer denies does not
 * count. Past the item's `longest` the score falls with the cube: otherwise a wall of text, or a list of all facts of the
 * dataset, would be the best answer. A grader that finds phrases knows nothing of what they mean: where that matters, ask a
 * judge about each fact, as `rubric` does.
 */
export const facts = defineGrader({
  name: 'facts',
  version: '2',
  grade({ sample, reference }) {
    const recall = scoreMentions(sample.output_text, reference.facts, { denied: false })
    const written = reference.facts.reduce((sum, { phrase }) => sum + phrase.length, 0)
    const longest = reference.longest ?? 2 * written + joiningWords
    const { length } = sample.output_text.trim()
    const brevity = Math.min(1, longest / Math.max(1, length)) ** 3
    return {
      score: recall.score * brevity,
      parts: { recall: recall.score, brevity },
      reason: `${recall.reason}; ${length} characters of ${longest}`,
    }
  },
})
