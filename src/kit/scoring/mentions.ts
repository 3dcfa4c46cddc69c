import { findText } from './find-text.ts'
import type { Score } from './score.ts'
import { LONGEST_COUNTED, tooLong } from './too-long.ts'

const MOST_PHRASES = 1_000

/**
 * Scores what share of the wanted phrases a text mentions: each as whole words, in any case, with any white space between
 * its words ("Net income" is in "the net\nincome was", not in "net incomes"). Phrases may have weights, to say which facts
 * matter; without them each has 1.
 *
 * `parts` are counts: `found` and `wanted`. An empty candidate: 0. Nothing is taken for what is said besides, so a wall of
 * text does well: put a limit on the length beside it.
 *
 * Throws a RangeError when nothing is wanted (no phrase, an empty phrase, no positive weight: every answer would be right
 * or wrong), for more than 1,000 phrases, and for phrases of more than 200,000 characters together; a candidate that is
 * longer than that scores 0.
 *
 * @example scoreMentions('Revenue rose, margins fell.', ['revenue rose', 'margins fell', 'debt']).score // 2/3
 */
export const scoreMentions = (
  candidate: string,
  phrases: readonly (string | { phrase: string; weight: number })[],
): Score => {
  const wanted = phrases.map((entry) => (typeof entry === 'string' ? { phrase: entry, weight: 1 } : entry))
  const plain = wanted.map(({ phrase, weight }) => ({ phrase: plainly(phrase), weight }))
  const total = wanted.reduce((sum, { weight }) => sum + weight, 0)
  if (plain.length > MOST_PHRASES)
    throw new RangeError(`${plain.length} phrases are wanted; at most ${MOST_PHRASES} can be`)
  if (!(total > 0 && Number.isFinite(total)) || plain.some(({ phrase, weight }) => phrase === '' || weight < 0)) {
    throw new RangeError('nothing is wanted: give at least one phrase with words in it, and weights of 0 or more')
  }
  const refused = tooLong(candidate, plain.map(({ phrase }) => phrase).join(''), LONGEST_COUNTED)
  if (refused !== undefined) return refused
  const text = plainly(candidate)
  const found = plain.filter(({ phrase }) => mentions(text, phrase))
  const missing = plain.find((entry) => !found.includes(entry))
  return {
    score: Math.min(1, found.reduce((sum, { weight }) => sum + weight, 0) / total),
    reason: `${found.length} of ${plain.length} mentioned${missing === undefined ? '' : `, not "${shorten(missing.phrase)}"`}`,
    parts: { found: found.length, wanted: plain.length },
  }
}

const plainly = (text: string): string => text.toLowerCase().trim().replace(/\s+/gu, ' ')

const mentions = (text: string, phrase: string): boolean =>
  findText(text, phrase, (start) => {
    const [before, after] = [
      text.slice(0, start).slice(-2),
      text.slice(start + phrase.length, start + phrase.length + 2),
    ]
    return !(WORD_END.test(before) && WORD_START.test(phrase)) && !(WORD_END.test(phrase) && WORD_START.test(after))
  }) >= 0

const WORD_END = /[\p{L}\p{N}\p{M}]$/u
const WORD_START = /^[\p{L}\p{N}\p{M}]/u

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text)
