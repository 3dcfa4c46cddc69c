import type { Score } from './score.ts'

/**
 * Scores 1 if the texts are equal, including case and white space, and 0 otherwise: the operation `eq` of OpenAI's
 * `string_check`. Two empty texts are equal. Never throws.
 *
 * @example scoreExact('Paris', 'paris').score // 0
 */
export function scoreExact(candidate: string, reference: string): Score {
  return candidate === reference
    ? { score: 1, reason: 'equals the reference' }
    : { score: 0, reason: candidate === '' ? 'empty answer' : 'is not the reference' }
}

/**
 * Scores 1 if the candidate contains the reference, in the same case, also within words: the operation `like` of OpenAI's
 * `string_check`. Every candidate contains an empty reference. Never throws; linear in both lengths.
 *
 * An answer that lists every possibility scores 1; use {@link scoreExact} to prevent that.
 *
 * @example scoreLike('It is Paris.', 'Paris').score // 1
 */
export function scoreLike(candidate: string, reference: string): Score {
  return findText(candidate, reference) >= 0
    ? { score: 1, reason: 'contains the reference' }
    : { score: 0, reason: candidate === '' ? 'empty answer' : 'does not contain the reference' }
}

/**
 * Scores like {@link scoreLike}, ignoring case: the operation `ilike` of OpenAI's `string_check`. Both texts are converted
 * to lower case, so ß does not equal SS.
 *
 * @example scoreIlike('PARIS!', 'paris').score // 1
 */
export function scoreIlike(candidate: string, reference: string): Score {
  return scoreLike(candidate.toLowerCase(), reference.toLowerCase())
}

/**
 * The index of the first occurrence of a text that `fits` accepts, or -1. An empty text occurs at 0. Linear in both
 * lengths, unlike `String.indexOf` in the worst case.
 *
 * Source: Knuth, Morris and Pratt, "Fast pattern matching in strings", 1977.
 *
 * @example findText('abcabd', 'abd') // 3
 */
export function findText(text: string, wanted: string, fits: (start: number) => boolean = () => true): number {
  if (wanted === '') return fits(0) ? 0 : -1
  const shorter = bordersOf(wanted)
  let matched = 0
  for (let at = 0; at < text.length; at += 1) {
    matched = extend(wanted, shorter, matched, text.charCodeAt(at))
    if (matched < wanted.length) continue
    const start = at + 1 - wanted.length
    if (fits(start)) return start
    matched = shorter[matched] ?? 0
  }
  return -1
}

/** The failure function: for each matched length, the length that remains matched after a mismatch. */
function bordersOf(wanted: string): Int32Array {
  const shorter = new Int32Array(wanted.length + 1)
  for (let at = 1; at < wanted.length; at += 1) {
    shorter[at + 1] = extend(wanted, shorter, shorter[at] ?? 0, wanted.charCodeAt(at))
  }
  return shorter
}

function extend(wanted: string, shorter: Int32Array, matched: number, unit: number): number {
  let length = matched
  while (length > 0 && wanted.charCodeAt(length) !== unit) length = shorter[length] ?? 0
  return wanted.charCodeAt(length) === unit ? length + 1 : length
}
