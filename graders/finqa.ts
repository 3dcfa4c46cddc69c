import { z } from 'zod'
import { defineGrader, environment } from '../schema/environment.ts'
import { RequestError } from '../src/kit/errors.ts'
import { scoreEfficiency } from '../src/kit/scoring/conduct/efficiency.ts'
import { usedTool } from '../src/kit/scoring/conduct/trajectory.ts'
import { finalAnswer } from '../src/kit/scoring/final-answer.ts'
import { readReference, scoreNumber } from '../src/kit/scoring/numbers.ts'

/**
 * What the parts are worth. The answer decides: a right one earns at least 0.9 however many calls it took, so that no
 * model learns to give up early, and a wrong one at most 0.05 for having read the right page, so that none learns to
 * pose instead of solve.
 */
const weights = {
  /** What is taken from an answer for calls that were not needed, at most. */
  efficiency: 0.1,
  /** What a wrong answer earns when the page that holds the answer was read. */
  evidence: 0.05,
}

/** A search and a look at the page that it finds. */
const neededCalls = 2

export const finqa = defineGrader({
  name: 'finqa',
  version: '2',
  range: [0, 1],
  grade({ sample, task, reference, trajectory }) {
    const label = readReference(reference.reference_answer)
    // No answer could be right: better no score than one that says they are all wrong. It is the item's fault: no 5xx.
    if (!label.usable) throw new RequestError(422, 'item_misfit', `the item cannot be graded: ${label.reason}`)
    // Some trainers send the reasoning along. Whatever else stands around the number is the model's fault.
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

/** What the last user message asks: it may name the scale of the answer. */
function questionOf(messages: readonly { readonly role: string; readonly content?: unknown }[]): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content
  const parts = textParts.safeParse(content)
  if (parts.success) return parts.data.map(({ text }) => text).join('\n')
  return typeof content === 'string' ? content : ''
}
