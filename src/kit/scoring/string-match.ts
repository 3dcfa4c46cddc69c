import type { Score } from './score.ts'

/**
 * Scores 1 when the two texts are the same, character for character, and 0 else: the operation `eq` of OpenAI's
 * `string_check`. Case and white space count; two empty texts are the same. Never throws.
 *
 * @example scoreExact('Paris', 'paris').score // 0
 */
export function scoreExact(candidate: string, reference: string): Score {
  return candidate === reference
    ? { score: 1, reason: 'equals the reference' }
    : { score: 0, reason: candidate === '' ? 'empty answer' : 'is not the reference' }
}

/**
 * Scores 1 when the candidate contains the reference, in the same case, anywhere, within words too: the operation `like` of
 * OpenAI's `string_check`. An empty reference is contained in everything. Never throws; linear in both lengths.
 *
 * An answer that lists every possibility scores 1: where that can pay, use {@link scoreExact}.
 *
 * @example scoreLike('It is Paris.', 'Paris').score // 1
 */
export function scoreLike(candidate: string, reference: string): Score {
  return findText(candidate, reference) >= 0
    ? { score: 1, reason: 'contains the reference' }
    : { score: 0, reason: candidate === '' ? 'empty answer' : 'does not contain the reference' }
}

/**
 * Scores as {@link scoreLike} does, but upper and lower case are the same: the operation `ilike` of OpenAI's
 * `string_check`. Both texts are put in lower case, so ß is not SS.
 *
 * @example scoreIlike('PARIS!', 'paris').score // 1
 */
export function scoreIlike(candidate: string, reference: string): Score {
  return scoreLike(candidate.toLowerCase(), reference.toLowerCase())
}

/**
 * Where a text first stands in another, in UTF-16 units, or -1: of all places, the first that `fits` takes. An empty text
 * stands at 0. Linear in both lengths whatever they are, which `String.indexOf` is not.
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

/** For each number of units that match: how many still do when one unit more does not. */
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
