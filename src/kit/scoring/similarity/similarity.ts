import type { Score } from '../score.ts'
import { longestAligned, tooLong } from '../score.ts'
import { commonLength } from './common-length.ts'
import { partRatio, wordsPartRatio, wordsRatio } from './word-ratios.ts'
import { codesOf } from './words.ts'

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

/** Comparing a text with all parts of another takes more than comparing two whole ones: a tenth of a second at worst. */
const longestParted = 5_000

/** What words in any order are worth, compared with the texts as they are. */
const anyOrder = 0.95

/**
 * How alike two texts are when it does not matter much in which order, how often, or among what else the words stand:
 * RapidFuzz's `WRatio` divided by 100, without a processor, so case and punctuation count. The best of
 *
 * - `whole`: {@link scoreRatio};
 * - `words`: the words sorted, or the set of words, compared; times 0.95. A text whose words are all in the other: 0.95;
 *
 * or, when one text is at least 1.5 times as long as the other, of `whole`,
 *
 * - `part`: the shorter compared with the part of the longer that is most like it; times 0.9, or 0.6 when one is more
 *   than 8 times as long;
 * - `words`: the same with the words sorted, or those that only one has; times 0.95 on top. A single word in common is
 *   as good as an equal text here.
 *
 * That makes it generous: "the answer is not 5" is worth 0.95 for "5 is the answer". Use it where the answer must be much
 * like the reference anyway. Symmetric. Source: RapidFuzz 3, `fuzz.WRatio`; Tiskin's algorithm for the parts.
 *
 * An empty candidate or reference, or both: 0, as there. An equal text: 1. A candidate of more than 5,000 characters
 * scores 0; such a reference throws a RangeError.
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
  return { score, reason: score === 0 ? 'nothing in common' : `most alike ${how}`, parts }
}
