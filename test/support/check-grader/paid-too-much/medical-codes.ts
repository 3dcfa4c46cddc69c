// A bad grader, kept so that `grader check` must find its fault.
// Pays .4 to .54 for lists of three to four times as many guesses.
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { RequestError } from '../../../../src/kit/errors.ts'
import { scoreSet } from '../../../../src/kit/scoring/sets.ts'
import { readList } from '../../../../src/kit/scoring/written.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ note: z.string() }),
  reference: z.object({ codes: z.array(z.string().trim().min(1)).min(1) }),
  state: z.object({}),
})

/** `e119` and `E11.9` are one code: case and dots do not matter. */
const same = (code: string) => code.toUpperCase().replace(/[.\s]/gu, '')

/** Above this multiple of the right number of codes, an answer is a list of guesses. */
const mostTimes = 4

/**
 * Scores the codes of a doctor's note by F1: a missing code costs as much as a surplus one, so neither a short answer nor
 * a copy of the code book pays. For the files that an edit touches, leave out `same`.
 */
export const medicalCodes = defineGrader({
  name: 'medical-codes',
  version: '1',
  grade({ sample, reference }) {
    const wanted = new Set(reference.codes.map(same)).size
    if (reference.codes.some((code) => same(code) === '')) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: one of its codes has no letters or digits')
    }
    const given = readList(sample.output_text)
    if (new Set(given.map(same)).size > mostTimes * wanted) {
      return { score: 0, parts: { given: given.length }, reason: 'a list of guesses' }
    }
    return scoreSet(given, reference.codes, { same })
  },
})
