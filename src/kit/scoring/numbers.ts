import { acceptedBy, type Item, isList, LONGEST_TEXT, quantitiesOf, readText } from './label.ts'
import { compareQuantities, type Rule } from './quantities/compare-quantities.ts'
import type { Score } from './score.ts'

/** How `scoreNumber` reads its rule; see there. */
export interface NumberOptions {
  rule?: Rule
}

/**
 * Scores a final answer that should be nothing but a number (or yes, no, a name) against a label as people write them.
 *
 * - 1: equal up to format (currency, magnitude words, percent or fraction, separators, accounting parentheses,
 *   scientific notation, Markdown, LaTeX), or a more precise number that rounds, half away from zero, to the label as
 *   written.
 * - 0.5: within 0.1 % of the label (of the larger of the two), or the label rounded or cut to fewer decimals with at
 *   least two digits left, or within a tenth of a percentage point and 1 %, or a number that rounds to a label of zero.
 * - 0: all else: words around the number, a second number, the other sign, another scale or currency, a division left
 *   undone, no number. Also every answer to a label that `readReference` calls unusable: a grader should ask it first,
 *   and throw.
 *
 * With `rule: 'literal'` merely rounding to the label earns 0.5. Never throws; a text of more than 1,000 characters
 * scores 0 without being read.
 *
 * @example
 * scoreNumber('0.14136', '14.1%') // { score: 1, reason: 'rounds to the reference 14.1%' }
 * scoreNumber('0.14136', '14.1%', { rule: 'literal' }).score // 0.5
 * scoreNumber('about 14.1%', '14.1%') // { score: 0, reason: 'words around the number' }
 */
export const scoreNumber = (answer: string, reference: string, options: NumberOptions = {}): Score => {
  const label = readReference(reference)
  if (!label.usable) return { score: 0, reason: `no answer can be right: ${label.reason}` }
  const text = answer.trim()
  if (text.length > LONGEST_TEXT) return { score: 0, reason: `the answer is longer than ${LONGEST_TEXT} characters` }
  const { items, key } = readText(text)
  if (key === '') return { score: 0, reason: text === '' ? 'empty answer' : 'no number in the answer' }
  const written = shorten(reference.trim())
  if (quantitiesOf(label.items).length === 0) {
    if (key === label.key) return { score: 1, reason: `equals the reference ${written}` }
    return { score: 0, reason: `is not the reference ${written}` }
  }
  const rule = options.rule ?? 'rounding'
  const scores = candidates(items, label.items).map((candidate) => scoreList(items, candidate, rule))
  const best = scores.reduce<Score | undefined>(
    (one, other) => (one && one.score >= other.score ? one : other),
    undefined,
  )
  if (best === undefined) return { score: 0, reason: malformed(items, key, label.items) }
  return { score: best.score, reason: best.reason.replace(/the reference/u, `$& ${written.replaceAll('$', '$$$$')}`) }
}

/** What a label says, or why no answer to it can be scored. */
export type Reference = { usable: true; items: readonly Item[]; key: string } | { usable: false; reason: string }

/**
 * Reads a label. Unusable are an empty one, one of more than 1,000 characters, and what a spreadsheet or a program
 * leaves where there is no value (`nan`, `null`, `#REF!`). Never throws.
 */
export const readReference = (reference: string): Reference => {
  const text = reference.trim()
  if (text.length > LONGEST_TEXT)
    return { usable: false, reason: `the reference is longer than ${LONGEST_TEXT} characters` }
  const { items, key } = readText(text)
  if (key === '') return { usable: false, reason: 'the reference is empty' }
  if (isNoValue(key)) return { usable: false, reason: `the reference is ${text}` }
  return { usable: true, items, key }
}

const isNoValue = (key: string): boolean =>
  /^(?:\+ )?(?:nan|inf|infinity|null|undefined)$|^# ?(?:div|ref|value|name|num|n)\b/u.test(key)

/** The quantities that the answer may be held against: the label's own, where its words are the same; those it accepts. */
const candidates = (answer: readonly Item[], label: readonly Item[]) => {
  const count = quantitiesOf(answer).length
  const accepted = isList(answer) ? acceptedBy(label).filter((list) => list.length === count) : []
  const bare = accepted.filter((list) => list.length > 1 || answer.length === 1)
  return shape(answer) === shape(label) ? [quantitiesOf(label), ...bare] : bare
}

/** The words of a text, with a sign that no word can be in place of every quantity. */
const shape = (items: readonly Item[]): string =>
  items.map((item) => (item.kind === 'text' ? item.text : '#1')).join(' ')

/** As good as the worst of the pairs. */
const scoreList = (answer: readonly Item[], label: ReturnType<typeof quantitiesOf>, rule: Rule): Score => {
  const pairs = quantitiesOf(answer).flatMap(({ quantity }, at) => {
    const wanted = label[at]
    if (wanted === undefined) return []
    const score = compareQuantities(quantity, wanted.quantity, rule)
    if (!wanted.eitherSign) return [score]
    const turned = compareQuantities({ ...quantity, numerator: -quantity.numerator }, wanted.quantity, rule)
    return [turned.score > score.score ? turned : score]
  })
  return pairs.reduce((one, other) => (other.score < one.score ? other : one))
}

const malformed = (items: readonly Item[], key: string, label: readonly Item[]): string => {
  if (/^(?:\+ )?(?:nan|inf|infinity|∞)$/u.test(key)) return 'not a finite number'
  const count = quantitiesOf(items).length
  if (count === 0) return /\d/u.test(key) ? 'not a plain number' : 'no number in the answer'
  const wanted = quantitiesOf(label).length
  if (isList(items) && wanted > count) return `${say(count)} where the reference has ${wanted}`
  if (count > 1) return say(count)
  const words = items.some((item) => item.kind === 'text' && /\p{L}/u.test(item.text))
  return words ? 'words around the number' : 'signs around the number'
}

const say = (count: number): string => ['no number', 'one number', 'two numbers'][count] ?? `${count} numbers`

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text)
