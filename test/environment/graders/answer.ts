import { RequestError } from '../../../src/kit/errors.ts'
import { readReference, scoreNumber } from '../../../src/kit/scoring/numbers.ts'
import { usedTool } from '../../../src/kit/trajectory.ts'
import { defineGrader } from '../environment.ts'

/** Scores the figure, and pays a little for a wrong answer when the right page was read. */
export const answer = defineGrader({
  name: 'answer',
  version: '1',
  range: [0, 1],
  grade({ sample, reference, trajectory }) {
    const label = readReference(reference.reference_answer)
    if (!label.usable) throw new RequestError(422, 'item_misfit', `the item cannot be graded: ${label.reason}`)
    const found = scoreNumber(sample.output_text, reference.reference_answer)
    // The revenues are so close together that a rounded one is another company's.
    const score = found.score === 1 ? 1 : 0
    const path = reference.gold_path
    const evidence = path === undefined ? 0 : Number(usedTool(trajectory, { tool: 'cat', arguments: { path } }))
    return { score: score === 1 ? 1 : 0.05 * evidence, parts: { answer: score, evidence }, reason: found.reason }
  },
})
