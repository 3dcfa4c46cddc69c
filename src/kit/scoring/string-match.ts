import { findText } from './find-text.ts'
import type { Score } from './score.ts'

/**
 * Scores 1 when the two texts are the same, character for character, and 0 else: the operation `eq` of OpenAI's
 * `string_check`. Case and white space count; two empty texts are the same. Never throws.
 *
 * @example scoreExact('Paris', 'paris').score // 0
 */
export const scoreExact = (candidate: string, reference: string): Score =>
  candidate === reference
    ? { score: 1, reason: 'equals the reference' }
    : { score: 0, reason: candidate === '' ? 'empty answer' : 'is not the reference' }

/**
 * Scores 1 when the candidate contains the reference, in the same case, anywhere, within words too: the operation `like` of
 * OpenAI's `string_check`. An empty reference is contained in everything. Never throws; linear in both lengths.
 *
 * An answer that lists every possibility scores 1: where that can pay, use {@link scoreExact}.
 *
 * @example scoreLike('It is Paris.', 'Paris').score // 1
 */
export const scoreLike = (candidate: string, reference: string): Score =>
  findText(candidate, reference) >= 0
    ? { score: 1, reason: 'contains the reference' }
    : { score: 0, reason: candidate === '' ? 'empty answer' : 'does not contain the reference' }

/**
 * Scores as {@link scoreLike} does, but upper and lower case are the same: the operation `ilike` of OpenAI's
 * `string_check`. Both texts are put in lower case, so ß is not SS.
 *
 * @example scoreIlike('PARIS!', 'paris').score // 1
 */
export const scoreIlike = (candidate: string, reference: string): Score =>
  scoreLike(candidate.toLowerCase(), reference.toLowerCase())
