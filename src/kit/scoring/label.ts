import { type Quantity, type Value, valueAt } from './quantities/quantity.ts'
import { type Token, tokenize } from './quantities/tokens.ts'
import { suffixUnitAt } from './quantities/units.ts'
import { plainCharacters, undress } from './undress.ts'

/** A number or a range in a text, or a word or sign outside of them. */
export type Item = { readonly kind: 'text'; readonly text: string } | Value

/** The content of a short text. */
export interface Reading {
  readonly items: readonly Item[]
  /** The text without case, spacing and punctuation: equal for different spellings of a name. */
  readonly key: string
}

/** The maximum length of a trimmed text; longer ones are not read. */
export const longestText = 1000

const quiet = new Set([',', ';', '.', ':', '"', "'", '“', '”', '‘', '’'])
const brackets = new Set(['(', ')', '[', ']', '{', '}', '*', '**', '_', '`', '\\', '|'])
const joining = new Set(['and', '&', 'respectively'])
const beforeYear = new Set(['in', 'from', 'to', 'of', 'since', 'during', 'between', 'and', 'versus', 'fiscal', 'year'])
const signWords: Readonly<Record<string, '-' | '+'>> = { minus: '-', negative: '-', plus: '+', positive: '+' }

/** Reads a text of at most {@link longestText} characters. */
export function readText(text: string): Reading {
  const plain = plainCharacters(text)
  const tokens = tokenize(undress(plain))
  const zero = zeroIn(tokens)
  const items = zero === undefined ? withSignWords(itemsOf(tokens)) : [zero]
  // A leading ~ is ignored before a number, but not before a name.
  const approximate = !items.some(isValue) && /^[\s*_`"'“‘«$]*[~≈≃≅=]/u.test(plain)
  const key = keyOf(tokens)
  return { items, key: approximate && key !== '' ? `~ ${key}` : key }
}

function itemsOf(tokens: readonly Token[]): Item[] {
  const items: Item[] = []
  for (let at = 0; at < tokens.length; ) {
    const value = valueAt(tokens, at)
    if (value !== undefined) {
      items.push(value.found)
      at = value.end
      continue
    }
    const token = tokens[at]
    if (token !== undefined && !isQuiet(token, tokens[at - 1])) items.push({ kind: 'text', text: token.text })
    at += 1
  }
  return items
}

function isQuiet(token: Token, before: Token | undefined): boolean {
  return quiet.has(token.text) || (token.text === '!' && before?.kind === 'word')
}

/** A text without words, numbers or these signs has no content. */
const telling = '<>=+%$€£¥/&@#∞'

/** Keeps signs that change the meaning: `-yes` and `yes?` differ from `yes`, but ABC-7 equals ABC 7. */
function keyOf(tokens: readonly Token[]): string {
  if (!tokens.some((token) => token.kind !== 'symbol' || telling.includes(token.text))) return ''
  const kept = tokens.filter((token, at) => {
    if (token.kind !== 'symbol') return true
    if (isQuiet(token, tokens[at - 1]) || brackets.has(token.text)) return false
    return token.text !== '-' || at === 0 || at === tokens.length - 1
  })
  return kept.map((token) => token.text).join(' ')
}

/** Reads zero in words: `zero`, `nil`, `zero percent`, `no change`, `unchanged`. */
function zeroIn(tokens: readonly Token[]): Item | undefined {
  const words = tokens.filter(({ text }) => text !== '.' && text !== '!')
  const text = words.map((token) => token.text).join(' ')
  const change = /^(?:(?:remained|stayed) )?unchanged$|^no change$/u.test(text)
  const [first, second] = words
  const named = first?.text === 'zero' || first?.text === 'nil'
  const unit = named && second !== undefined ? suffixUnitAt(words, 1) : undefined
  if (!change && !(named && (unit?.end ?? 1) === words.length)) return undefined
  const { name, power = 0, magnitude } = unit?.unit ?? {}
  const number = { numerator: 0n, denominator: 1n, form: 'decimal', place: undefined, digits: 1 } as const
  return { kind: 'quantity', quantity: { ...number, sign: '', unit: name, power, magnitude } }
}

/** Reads `minus 8%` as `-8%`: at the beginning, and after a word such as `and` or `of`. */
function withSignWords(items: readonly Item[]): Item[] {
  return items.flatMap((item, at): Item[] => {
    const next = items[at + 1]
    if (item.kind === 'text' && signOf(items, at) !== undefined && next?.kind === 'quantity') return []
    const sign = signOf(items, at - 1)
    if (item.kind !== 'quantity' || sign === undefined) return [item]
    const { numerator } = item.quantity
    return [
      { kind: 'quantity', quantity: { ...item.quantity, sign, numerator: sign === '-' ? -numerator : numerator } },
    ]
  })
}

/** The sign that the word at an index names, if a number without a sign follows. */
function signOf(items: readonly Item[], at: number): '-' | '+' | undefined {
  const [before, word, next] = [items[at - 1], items[at], items[at + 1]]
  if (word?.kind !== 'text' || next?.kind !== 'quantity' || next.quantity.sign !== '') return undefined
  const begins =
    at === 0 || (before?.kind === 'text' && (joining.has(before.text) || /^(?:of|by|or)$/u.test(before.text)))
  return begins && Object.hasOwn(signWords, word.text) ? signWords[word.text] : undefined
}

/**
 * The lists of values that a label accepts as an answer, as indices of its items: one list of one value for most labels,
 * one of two for "1.91% and 3.46%, respectively", two for "$ 386797190 or $ 386.8 million", none for a name or a sentence
 * with several numbers.
 */
export function acceptedBy(items: readonly Item[]): number[][] {
  const or = items.findIndex((item) => item.kind === 'text' && item.text === 'or')
  if (or >= 0) {
    const first = acceptedBy(items.slice(0, or))
    const rest = acceptedBy(items.slice(or + 1)).map((list) => list.map((at) => at + or + 1))
    if (first.length > 0 && rest.length > 0) return [...first, ...rest]
  }
  const all = items.flatMap((item, at) => (isValue(item) ? [at] : []))
  if (all.length === 0) return []
  if (all.length === 1 || isList(items)) return [all]
  const rest = all.filter((at) => !isYear(items[at], items[at - 1]))
  return rest.length === 1 ? [rest] : []
}

/** Whether an item is a number or a range. */
export function isValue(item: Item): item is Value {
  return item.kind !== 'text'
}

/** The values among items, in order. */
export function valuesOf(items: readonly Item[]): Value[] {
  return items.filter(isValue)
}

/** Whether items are only values and conjunctions. */
export function isList(items: readonly Item[]): boolean {
  return items.every((item) => item.kind !== 'text' || joining.has(item.text))
}

function isYear(item: Item | undefined, before: Item | undefined): boolean {
  if (item?.kind === 'range') return looksLikeYear(item.low) && looksLikeYear(item.high)
  if (item?.kind !== 'quantity' || before?.kind !== 'text' || !beforeYear.has(before.text)) return false
  return looksLikeYear(item.quantity)
}

function looksLikeYear({ numerator, place, digits, unit, magnitude }: Quantity): boolean {
  const bare = unit === undefined && magnitude === undefined && place === 0 && digits === 4
  return bare && numerator >= 1900n && numerator < 2100n
}
