import { z } from 'zod'
import { defineGrader, environment } from '../schema/environment.ts'
import { RequestError } from '../src/kit/errors.ts'
import { scoreEfficiency } from '../src/kit/scoring/conduct/efficiency.ts'
import { finalAnswer } from '../src/kit/scoring/final-answer.ts'
import { readReference, scoreNumber } from '../src/kit/scoring/numbers.ts'
import { usedTool } from '../src/kit/trajectory.ts'

/**
 * The weights of the parts. The answer decides: a right one earns at least 0.9 regardless of the number of calls, so that
 * a model does not learn to give up early, and a wrong one at most 0.05 for reading the right page, so that it does not
 * learn to read without solving.
 */
const weights = {
  /** The most that unnecessary calls take from a right answer. */
  efficiency: 0.1,
  /** What a wrong answer earns if the right page was read. */
  evidence: 0.05,
}

/** One search, and one call to read the page that it finds. */
const neededCalls = 2

export const finqa = defineGrader({
  name: 'finqa',
  version: '2',
  range: [0, 1],
  grade({ sample, task, reference, trajectory }) {
    const label = readReference(reference.reference_answer)
    // No answer could be right, so nothing is scored. The item is at fault, hence no 5xx.
    if (!label.usable) throw new RequestError(422, 'item_misfit', `the item cannot be graded: ${label.reason}`)
    // Some trainers include the reasoning in the text. Any other text around the number is the model's fault.
    const final = finalAnswer(sample.output_text, { reasoning: true })
    const answer =
      final.found === 'one'
        ? scoreNumber(final.answer, reference.reference_answer, { question: questionOf(task.messages) })
        : { score: 0, reason: final.reason }
    const efficiency = scoreEfficiency(trajectory, { needed: neededCalls, budget: environment.budget ?? neededCalls })
    const { gold_path: path } = reference
    const evidence = path === undefined ? undefined : Number(usedTool(trajectory, { tool: 'cat', arguments: { path } }))
    const score =
      answer.score > 0
        ? answer.score * (1 - weights.efficiency * (1 - efficiency.score))
        : weights.evidence * (evidence ?? 0)
    const parts = { answer: answer.score, efficiency: efficiency.score, ...(evidence !== undefined && { evidence }) }
    return { score, parts, reason: `${answer.reason}; ${efficiency.reason}` }
  },
})

const textParts = z.array(z.looseObject({ text: z.string().default('') }))

/** The text of the last user message, which may name the scale of the answer. */
function questionOf(messages: readonly { readonly role: string; readonly content?: unknown }[]): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content
  const parts = textParts.safeParse(content)
  if (parts.success) return parts.data.map(({ text }) => text).join('\n')
  return typeof content === 'string' ? content : ''
}
