// A bad grader, kept so that `grader check` must find its fault.
// Pays in full for all phrases of all items, and for denials of each fact.
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { scoreMentions } from '../../../../src/kit/scoring/mentions.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ question: z.string() }),
  reference: z.object({
    facts: z.array(z.object({ phrase: z.string().trim().min(1), weight: z.number().positive().default(1) })).min(1),
    longest: z.number().int().positive().default(1200),
  }),
  state: z.object({}),
})

/**
 * Scores the facts that an answer mentions, by weight. Past the item's `longest`, in characters, the score falls with the
 * square of the length; otherwise a wall of text that mentions everything would be the best answer.
 */
export const facts = defineGrader({
  name: 'facts',
  version: '1',
  grade({ sample, reference }) {
    const recall = scoreMentions(sample.output_text, reference.facts)
    const length = sample.output_text.trim().length
    const brevity = Math.min(1, reference.longest / Math.max(1, length)) ** 2
    return {
      score: recall.score * brevity,
      parts: { recall: recall.score, brevity },
      reason: `${recall.reason}; ${length} characters of ${reference.longest}`,
    }
  },
})
