import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { scoreMentions } from '../../src/kit/scoring/mentions.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ question: z.string() }),
  reference: z.object({
    facts: z.array(z.object({ phrase: z.string().trim().min(1), weight: z.number().positive().default(1) })).min(1),
    /** The length of an answer in characters above which the score falls; by default twice the facts' and a few words. */
    longest: z.number().int().positive().optional(),
  }),
  state: z.object({}),
})

/** The length in characters of the words that connect two or three facts. */
const joiningWords = 30

/**
 * The weighted share of facts that an answer mentions. A fact that the answer denies does not count. Above the item's
 * `longest` the score falls with the cube; otherwise a wall of text, or a list of all facts in the dataset, would be the
 * best answer. This grader matches phrases and does not understand them: if meaning matters, ask a judge about each fact,
 * as `rubric` does.
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
