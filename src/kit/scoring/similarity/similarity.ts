import type { Score } from '../score.ts'
import { longestAligned, tooLong } from '../score.ts'
import { commonLength } from './common-length.ts'
import { partRatio, wordsPartRatio, wordsRatio } from './word-ratios.ts'
import { codesOf } from './words.ts'

/**
 * The similarity of two texts by code point: twice the length of their longest common subsequence, divided by the sum of
 * their lengths. That is 1 minus the normalized Indel distance, RapidFuzz's `ratio` divided by 100. Symmetric. White space,
 * case and punctuation count.
 *
 * Two empty texts score 1, one empty text 0. `parts` has `common`, a number of characters. A candidate of more than 30,000
 * characters scores 0; such a reference throws a RangeError.
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

/** Comparing a text with all parts of another is slower: it takes up to a tenth of a second. */
const longestParted = 5_000

/** The weight of a comparison that ignores the order of words. */
const anyOrder = 0.95

/**
 * The similarity of two texts, largely ignoring the order and repetition of words and additional text: RapidFuzz's `WRatio`
 * divided by 100, without a processor, so case and punctuation count. The maximum of
 *
 * - `whole`: {@link scoreRatio};
 * - `words`: 0.95 times the ratio of the sorted words or of the sets of words. 0.95 if all words of one text are in the
 *   other;
 *
 * or, if one text is at least 1.5 times as long as the other, of `whole` and
 *
 * - `part`: the ratio of the shorter text to the most similar part of the longer one; times 0.9, or 0.6 if one is more than
 *   8 times as long;
 * - `words`: the same for the sorted words, or for the words that only one has; also times 0.95. A single common word
 *   counts like an equal text here.
 *
 * It is lenient: "the answer is not 5" scores 0.95 for "5 is the answer". Symmetric. Source: RapidFuzz 3, `fuzz.WRatio`;
 * Tiskin's algorithm for the parts.
 *
 * An empty candidate or reference scores 0, an equal text 1. A candidate of more than 5,000 characters scores 0; such a
 * reference throws a RangeError.
 *
 * @example scoreWRatio('mets vs braves', 'braves vs mets').score // 0.95
 */
export function scoreWRatio(candidate: string, reference: string): Score {
  const refused = tooLong(candidate, reference, longestParted)
  if (refused !== undefined) return refused
  if (candidate === '' || reference === '') return { score: 0, reason: 'an empty text', parts: {} }
  const whole = scoreRatio(candidate, reference).score
  const [one, other] = [codesOf(candidate).length, codesOf(reference).length]
  const longer = Math.max(one, other) / Math.min(one, other)
  if (longer < 1.5) return best({ whole, words: anyOrder * wordsRatio(candidate, reference) })
  const scale = longer <= 8 ? 0.9 : 0.6
  const part = scale * partRatio(candidate, reference)
  return best({ whole, part, words: anyOrder * scale * wordsPartRatio(candidate, reference) })
}

function best(parts: { whole: number; part?: number; words: number }): Score {
  const score = Math.max(parts.whole, parts.part ?? 0, parts.words)
  const how = parts.whole === score ? 'as a whole' : parts.part === score ? 'in a part' : 'in the words, in any order'
  return { score, reason: score === 0 ? 'nothing in common' : `most similar ${how}`, parts }
}
