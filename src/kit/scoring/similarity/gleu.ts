import type { Score } from '../score.ts'
import { LONGEST_COUNTED, tooLong } from '../too-long.ts'
import { countGrams, splitWords } from './words.ts'

const LONGEST_GRAM = 4

/**
 * GLEU of one text against one reference, as NLTK's `sentence_gleu` has it: of all 1- to 4-grams of both texts, those in
 * common, divided by the number in whichever text has more; that is the lesser of precision and recall. Unlike BLEU it is
 * made for single sentences, and an equal text scores 1 however short. Words are what lies between white space; case and
 * punctuation count. Symmetric.
 *
 * Source: Wu et al., "Google's neural machine translation system", 2016, section 8.2.
 *
 * An empty candidate or reference, or both: 0. `parts` are `precision` and `recall`. A candidate of more than 200,000
 * characters scores 0; such a reference throws a RangeError.
 *
 * @example scoreGleu('fuzzy wuzzy was a bear', 'fuzzy wuzzy had no hair').score // 3 of 14: 0.2143
 */
export const scoreGleu = (candidate: string, reference: string): Score => {
  const refused = tooLong(candidate, reference, LONGEST_COUNTED)
  if (refused !== undefined) return refused
  const total = { shared: 0, candidate: 0, reference: 0 }
  for (const count of countGrams(splitWords(candidate), splitWords(reference), LONGEST_GRAM)) {
    total.shared += count.shared
    total.candidate += count.candidate
    total.reference += count.reference
  }
  const most = Math.max(total.candidate, total.reference, 1)
  return {
    score: total.shared / most,
    reason: `${total.shared} of ${most} runs of 1 to 4 words agree`,
    parts: {
      precision: total.shared / Math.max(1, total.candidate),
      recall: total.shared / Math.max(1, total.reference),
    },
  }
}
