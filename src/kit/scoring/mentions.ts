import type { Score } from './score.ts'
import { longestCounted, tooLong } from './score.ts'
import { findText } from './string-match.ts'

const mostPhrases = 1_000

/** How phrases are searched. */
export interface MentionOptions {
  /**
   * Whether a denied phrase counts, as in "net income did not rise" or "it is false that net income rose"; true by default.
   * A phrase is denied if its clause has a negation that is not part of a phrase, so include a negation that belongs to a
   * fact ("no fire exit").
   */
  readonly denied?: boolean
}

/**
 * Scores the weighted share of the phrases that a text mentions: as whole words, in any case, with any white space between
 * words ("Net income" is in "the net\nincome was", but not in "net incomes"). The default weight is 1.
 *
 * `parts` are counts: `found` and `wanted`. An empty candidate scores 0. The rest of the text does not matter, so limit the
 * length of the answer too: a long text or a list of all phrases of the dataset would score 1.
 *
 * Throws a RangeError for no phrase, an empty phrase or no positive weight, for more than 1,000 phrases, and for more than
 * 200,000 characters in all phrases. A longer candidate scores 0.
 *
 * @example scoreMentions('Revenue rose, margins fell.', ['revenue rose', 'margins fell', 'debt']).score // 2/3
 */
export function scoreMentions(
  candidate: string,
  phrases: readonly (string | { phrase: string; weight: number })[],
  { denied = true }: MentionOptions = {},
): Score {
  const wanted = phrases.map((entry) => (typeof entry === 'string' ? { phrase: entry, weight: 1 } : entry))
  const plain = wanted.map(({ phrase, weight }) => ({ phrase: plainly(phrase), weight }))
  const total = wanted.reduce((sum, { weight }) => sum + weight, 0)
  if (plain.length > mostPhrases)
    throw new RangeError(`there are ${plain.length} phrases; the maximum is ${mostPhrases}`)
  if (!(total > 0 && Number.isFinite(total)) || plain.some(({ phrase, weight }) => phrase === '' || weight < 0)) {
    throw new RangeError('give at least one phrase that is not empty, and weights of 0 or more, one of them positive')
  }
  const all = plain.map(({ phrase }) => phrase)
  const refused = tooLong(candidate, all.join(''), longestCounted)
  if (refused !== undefined) return refused
  const text = plainly(denied ? candidate : withoutDenials(candidate, all))
  const found = plain.filter(({ phrase }) => mentions(text, phrase))
  const missing = plain.find((entry) => !found.includes(entry))
  return {
    score: Math.min(1, found.reduce((sum, { weight }) => sum + weight, 0) / total),
    reason: `${found.length} of ${plain.length} mentioned${missing === undefined ? '' : `, not "${shorten(missing.phrase)}"`}`,
    parts: { found: found.length, wanted: plain.length },
  }
}

function plainly(text: string): string {
  return text.toLowerCase().trim().replace(/\s+/gu, ' ')
}

function mentions(text: string, phrase: string): boolean {
  const fits = (start: number): boolean => {
    const before = text.slice(0, start).slice(-2)
    const after = text.slice(start + phrase.length, start + phrase.length + 2)
    return !(wordEnd.test(before) && wordStart.test(phrase)) && !(wordEnd.test(phrase) && wordStart.test(after))
  }
  return findText(text, phrase, fits) >= 0
}

const wordEnd = /[\p{L}\p{N}\p{M}]$/u
const wordStart = /^[\p{L}\p{N}\p{M}]/u

/** The end of a clause; a denial extends no further. */
const clauseEnd = /([.!?;:,]\s|\s(?:but|however|although|yet|while|so|because)\s)/iu
const negation =
  /(?<![\p{L}\p{N}])(?:no|not|never|none|neither|nor|nothing|nobody|nowhere|without|hardly|barely|cannot|false|untrue|incorrect|lacks?|lacked|den(?:y|ies|ied)|fail(?:s|ed)? to|rather than|instead of|except|unlike|\p{L}+n['’]t)(?![\p{L}\p{N}])/iu
/** A denial of the whole answer. */
const retraction =
  /(?<![\p{L}\p{N}])(?:(?:it|this|that|these|those|they|all|everything|following|above|statements?|claims?|facts?) (?:is|are|was|were) (?:all |both )?(?:false|untrue|incorrect|wrong|not (?:true|correct|right|so|the case))|(?:not|\p{L}+n['’]t) (?:true|correct|the case)|(?:none|nothing) of (?:this|that|these|those|the (?:following|above)|it))(?![\p{L}\p{N}])/iu

/** Removes the clauses with a negation. */
function withoutDenials(text: string, phrases: readonly string[]): string {
  if (retraction.test(withoutPhrases(text, phrases))) return ''
  const lines = text.trim().replace(/\s+/gu, (space, at: number, whole: string) => {
    const breaks = space.split('\n').length - 1
    const listed = /^(?:[-*•]|\d{1,3}[.)])/u.test(whole.slice(at + space.length, at + space.length + 4))
    return breaks > 1 || (breaks === 1 && listed) ? '; ' : ' '
  })
  // Every second part is a separator.
  const parts = lines.split(clauseEnd)
  return parts.map((part, at) => (at % 2 === 0 && negation.test(withoutPhrases(part, phrases)) ? '…' : part)).join('')
}

/** A negation within a phrase, such as "no fire exit", is not a denial. */
function withoutPhrases(text: string, phrases: readonly string[]): string {
  const own = phrases.filter((phrase) => negation.test(phrase) || retraction.test(phrase))
  return own.reduce((rest, phrase) => rest.replaceAll(phrase, '…'), plainly(text))
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
