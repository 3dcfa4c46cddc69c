import { directionNamedIn, isFallAt, negated, statedDirection, unsigned } from './direction.ts'
import { acceptedBy, type Item, isList, isValue, longestText, readText, valuesOf } from './label.ts'
import { type CompareOptions, compareQuantities, type Rule } from './quantities/compare.ts'
import type { Quantity, Value } from './quantities/quantity.ts'
import { scaleNamedIn } from './quantities/units.ts'
import type { Score } from './score.ts'

/** Options of {@link scoreNumber}. */
export interface NumberOptions {
  readonly rule?: Rule
  /** The question, which may name the scale of the answer, such as "in millions". */
  readonly question?: string
}

/**
 * Scores a final answer that should be a bare number (or yes, no, a name) against a label as people write them.
 *
 * - 1: equal up to format (currency, magnitude words, percent or fraction, separators, accounting parentheses, mixed
 *   fractions, scientific notation, direction in words, Markdown, LaTeX), or a more precise number that rounds, half away
 *   from zero, to the label as written and lies within 10 % of it.
 * - 0.5: rounds to the label but lies further away; within 0.1 % of the label (of the larger of the two); the label rounded
 *   or cut to fewer decimals with at least two digits left; within a tenth of a percentage point and 1 %; a number that
 *   rounds to a label of zero.
 * - 0: anything else: words around the number, a second number, the other sign or direction, another scale or currency, a
 *   division that was not carried out, no number. Also every answer to an unusable label: call `readReference` first, and
 *   throw.
 *
 * If only one side has a percent sign or a magnitude, or both have different ones, a label of one digit must be equal in
 * value. A label without a unit accepts a percent sign, a currency, `x`, and thousand, million or billion with the same
 * digits. If `question` names a scale ("in millions"), a label without a magnitude is in that scale: it accepts its
 * digits, the digits with that magnitude, and the number in full. Ranges must be equal.
 *
 * With `rule: 'literal'`, a number that rounds to the label scores 0.5. Never throws. A text of more than 1,000 characters
 * scores 0.
 *
 * @example
 * scoreNumber('0.14136', '14.1%') // { score: 1, reason: 'rounds to the reference 14.1%' }
 * scoreNumber('0.14136', '14.1%', { rule: 'literal' }).score // 0.5
 * scoreNumber('12,300,000', '12.3', { question: 'What was the revenue, in millions?' }).score // 1
 * scoreNumber('about 14.1%', '14.1%') // { score: 0, reason: 'words around the number' }
 */
export function scoreNumber(answer: string, reference: string, options: NumberOptions = {}): Score {
  const label = readReference(reference)
  if (!label.usable) return { score: 0, reason: `unusable reference: ${label.reason}` }
  const text = answer.trim()
  if (text.length > longestText) return { score: 0, reason: `the answer is longer than ${longestText} characters` }
  const { items, key } = readText(text)
  if (key === '') return { score: 0, reason: text === '' ? 'empty answer' : 'no number in the answer' }
  const written = shorten(reference.trim())
  if (!label.items.some(isValue)) {
    if (key === label.key) return { score: 1, reason: `equals the reference ${written}` }
    return { score: 0, reason: `is not the reference ${written}` }
  }
  const comparison = { rule: options.rule ?? 'rounding', scale: scaleOf(label.items, options.question) }
  const best = bestOf(scoresOf(items, label.items, comparison))
  if (best === undefined) return { score: 0, reason: malformed(items, key, label.items) }
  return { score: best.score, reason: best.reason.replace(/the reference/u, `$& ${written.replaceAll('$', '$$$$')}`) }
}

/** The content of a label, or why no answer to it can be scored. */
export type Reference =
  | { readonly usable: true; readonly items: readonly Item[]; readonly key: string }
  | { readonly usable: false; readonly reason: string }

/**
 * Reads a label. It is unusable if it is empty, has more than 1,000 characters, or is a placeholder for a missing value
 * (`nan`, `null`, `#REF!`). Never throws.
 */
export function readReference(reference: string): Reference {
  const text = reference.trim()
  if (text.length > longestText)
    return { usable: false, reason: `the reference is longer than ${longestText} characters` }
  const { items, key } = readText(text)
  if (key === '') return { usable: false, reason: 'the reference is empty' }
  if (isNoValue(key)) return { usable: false, reason: `the reference is ${text}` }
  return { usable: true, items, key }
}

function isNoValue(key: string): boolean {
  return /^(?:[-+] )?(?:nan|inf|infinity|null|undefined)$|^# ?(?:div|ref|value|name|num|n)\b/u.test(key)
}

interface Comparison {
  readonly rule: Rule
  /** The power of ten of the scale that the question names for a label without a magnitude. */
  readonly scale: number | undefined
}

/** The question's scale does not apply to a label with a magnitude. */
function scaleOf(label: readonly Item[], question: string | undefined): number | undefined {
  const written = valuesOf(label).flatMap(quantitiesOf)
  if (question === undefined || written.some(({ magnitude }) => magnitude !== undefined)) return undefined
  return scaleNamedIn(question)
}

function quantitiesOf(value: Value): Quantity[] {
  return value.kind === 'range' ? [value.low, value.high] : [value.quantity]
}

/** One score for each way to compare the answer with the label. */
function scoresOf(answer: readonly Item[], label: readonly Item[], comparison: Comparison): Score[] {
  const values = valuesOf(answer)
  const accepted = acceptedBy(label).filter((list) => list.length === values.length)
  const scores: Score[] = []
  if (shape(answer) === shape(label)) scores.push(scoreList(values, valuesOf(label), comparison))
  if (isList(answer)) {
    for (const list of accepted.filter(({ length }) => length > 1 || answer.length === 1)) {
      const pairs = list.map((place, at) => scoreBare(values[at], label, place, comparison))
      scores.push(worstOf(pairs))
    }
    return scores
  }
  const stated = statedDirection(answer)
  if (stated.kind === 'contradiction') scores.push({ score: 0, reason: stated.reason })
  if (stated.kind !== 'stated') return scores
  const named = directionNamedIn(label)
  for (const [place = 0] of accepted) {
    const wanted = label[place]
    if (wanted === undefined || !isValue(wanted)) continue
    if (named !== undefined && named !== stated.direction) scores.push({ score: 0, reason: 'the other direction' })
    else if (named !== undefined) scores.push(scoreValue(unsigned(stated.value), unsigned(wanted), comparison))
    else scores.push(scoreValue(stated.direction === 'down' ? negated(stated.value) : stated.value, wanted, comparison))
  }
  return scores
}

/** The words of a text, with placeholders for numbers and ranges. */
function shape(items: readonly Item[]): string {
  return items
    .map((item) => ({ text: item.kind === 'text' ? item.text : '', quantity: '#1', range: '#2' })[item.kind])
    .join(' ')
}

/** Scores a bare value against a value of the label, whose minus may be expressed by a word such as "decrease". */
function scoreBare(value: Value | undefined, label: readonly Item[], place: number, comparison: Comparison): Score {
  const wanted = label[place]
  if (value === undefined || wanted === undefined || !isValue(wanted)) return { score: 0, reason: 'no number' }
  if (!isFallAt(label, place)) return scoreValue(value, wanted, comparison)
  if (quantitiesOf(value).some(({ sign }) => sign === '+')) return { score: 0, reason: 'the other direction' }
  return bestOf([scoreValue(value, wanted, comparison), scoreValue(negated(value), wanted, comparison)])
}

function scoreList(values: readonly Value[], label: readonly Value[], comparison: Comparison): Score {
  const pairs = values.flatMap((value, at) => {
    const wanted = label[at]
    return wanted === undefined ? [] : [scoreValue(value, wanted, comparison)]
  })
  return worstOf(pairs)
}

function scoreValue(value: Value, wanted: Value, { rule, scale }: Comparison): Score {
  if (value.kind === 'range' && wanted.kind === 'range') {
    const exact = { rule, exact: true }
    return worstOf([inScale(value.low, wanted.low, scale, exact), inScale(value.high, wanted.high, scale, exact)])
  }
  if (value.kind === 'range') return { score: 0, reason: 'a range, not one number' }
  if (wanted.kind === 'range') return { score: 0, reason: 'one number, not a range' }
  return inScale(value.quantity, wanted.quantity, scale, { rule })
}

/** Compares in the question's scale: the answer is in it too, or written in full. */
function inScale(answer: Quantity, wanted: Quantity, scale: number | undefined, options: CompareOptions): Score {
  if (scale === undefined || !takesScale(wanted)) return compareQuantities(answer, wanted, options)
  const reference = { ...wanted, magnitude: scale }
  const asWritten = compareQuantities(answer, reference, options)
  if (answer.magnitude !== undefined || !takesScale(answer)) return asWritten
  return bestOf([compareQuantities({ ...answer, magnitude: scale }, reference, options), asWritten])
}

function takesScale({ unit, power }: Quantity): boolean {
  return power === 0 && unit !== 'percent' && unit !== 'ratio'
}

function bestOf(scores: readonly [Score, ...Score[]]): Score
function bestOf(scores: readonly Score[]): Score | undefined
function bestOf(scores: readonly Score[]): Score | undefined {
  return scores.reduce<Score | undefined>((one, other) => (one && one.score >= other.score ? one : other), undefined)
}

function worstOf(scores: readonly Score[]): Score {
  return scores.reduce((one, other) => (other.score < one.score ? other : one))
}

function malformed(items: readonly Item[], key: string, label: readonly Item[]): string {
  if (/^(?:[-+] )?(?:nan|inf|infinity|∞)$/u.test(key)) return 'not a finite number'
  const count = valuesOf(items).length
  if (count === 0) return /\d/u.test(key) ? 'not a plain number' : 'no number in the answer'
  const wanted = valuesOf(label).length
  if (isList(items) && wanted > count) return `${counted(count)} where the reference has ${wanted}`
  if (count > 1) return counted(count)
  const words = items.some((item) => item.kind === 'text' && /\p{L}/u.test(item.text))
  return words ? 'words around the number' : 'signs around the number'
}

function counted(count: number): string {
  return ['no number', 'one number', 'two numbers'][count] ?? `${count} numbers`
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
