import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'
import { scoreSet } from '../../src/kit/scoring/sets.ts'
import { readList } from '../../src/kit/scoring/written.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ note: z.string() }),
  reference: z.object({ codes: z.array(z.string().trim().min(1)).min(1) }),
  state: z.object({}),
})

/** `e119` and `E11.9` are the same code. */
function same(code: string): string {
  return code.toUpperCase().replace(/[.\s]/gu, '')
}

/**
 * The diagnosis codes of a medical note. An extra code costs more than a missing one (F0.5), so that guessing does not
 * pay. An answer with more than twice the right number of codes is a list of guesses and earns nothing.
 */
export const medicalCodes = defineGrader({
  name: 'medical-codes',
  version: '2',
  grade({ sample, reference }) {
    if (reference.codes.some((code) => same(code) === '')) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: one of its codes has no letters or digits')
    }
    return scoreSet(readList(sample.output_text), reference.codes, { same, beta: 0.5, most: 2 })
  },
})
