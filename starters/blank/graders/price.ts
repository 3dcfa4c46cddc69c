import { RequestError } from '../../../src/kit/errors.ts'
import { readReference, scoreNumber } from '../../../src/kit/scoring/numbers.ts'
import { defineGrader } from '../schema/environment.ts'

/** Scores the price in the answer. Looking an article up earns a little, so that a model learns to use the tool first. */
export const price = defineGrader({
  name: 'price',
  version: '1',
  range: [0, 1],
  grade({ sample, reference, state }) {
    const label = readReference(reference.price)
    // An item whose reference cannot be read must not be scored 0.
    if (!label.usable) throw new RequestError(422, 'item_misfit', `the item cannot be graded: ${label.reason}`)
    const answer = scoreNumber(sample.output_text, reference.price)
    const lookedUp = Number(state.lookedUp.length > 0)
    return {
      score: 0.95 * answer.score + 0.05 * lookedUp,
      parts: { answer: answer.score, looked_up: lookedUp },
      reason: answer.reason,
    }
  },
})
