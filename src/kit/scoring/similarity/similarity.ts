import type { Score } from '../score.ts'
import { longestAligned, tooLong } from '../score.ts'
import { commonLength } from './common-length.ts'

/**
 * How alike two texts are, character by character (code point by code point): twice the length of their longest common
 * subsequence, divided by both lengths. That is 1 less the normalised Indel distance, RapidFuzz's `ratio` divided by 100.
 * Symmetric. White space, case and punctuation count.
 *
 * Two empty texts: 1; one: 0. `parts` has `common`, a count of characters. A candidate of more than 30,000 characters
 * scores 0; such a reference throws a RangeError.
 *
 * @example scoreRatio('fuzzy wuzzy was a bear', 'fuzzy wuzzy had no hair').score // 34/45: 0.7556
 */
export function scoreRatio(candidate: string, reference: string): Score {
  const refused = tooLong(candidate, reference, longestAligned)
  if (refused !== undefined) return refused
  const [ours, theirs] = [codesOf(candidate), codesOf(reference)]
  const common = commonLength(ours, theirs)
  const lengths = `${ours.length} and the reference's ${theirs.length}`
  return {
    score: ours.length + theirs.length === 0 ? 1 : (2 * common) / (ours.length + theirs.length),
    reason: `${common} characters in common, of ${lengths}`,
    parts: { common },
  }
}

/** The code points of a text: what the reference implementations call its characters. */
export function codesOf(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0)
}
