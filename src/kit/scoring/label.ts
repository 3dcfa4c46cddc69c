import { plainCharacters } from './plain-text.ts'
import { type Quantity, quantityAt } from './quantities/quantity.ts'
import { type Token, tokenize } from './quantities/tokens.ts'
import { undress } from './undress.ts'

/** A quantity in a text, or a word or sign that is part of none. */
export type Item = { kind: 'text'; text: string } | { kind: 'quantity'; quantity: Quantity; eitherSign: boolean }

type QuantityItem = Extract<Item, { kind: 'quantity' }>

/** What a short text says. */
export interface Reading {
  items: readonly Item[]
  /** The text without case, spacing and punctuation: equal for two spellings of one name. */
  key: string
}

/** Longer texts are neither a number nor the label of one, and are not looked at. Counted after trimming. */
export const LONGEST_TEXT = 1000

const QUIET = new Set([',', ';', '.', ':', '"', "'", '“', '”', '‘', '’'])
const FALLING = new Set(['decrease', 'decreased', 'decline', 'declined', 'fell', 'dropped', 'lower', 'down'])
const JOINING = new Set(['and', '&', 'respectively'])
const BEFORE_YEAR = new Set(['in', 'from', 'to', 'of', 'since', 'during', 'between', 'and', 'versus', 'fiscal', 'year'])

/** Reads a text of at most `LONGEST_TEXT` characters. */
export const readText = (text: string): Reading => {
  const tokens = tokenize(undress(plainCharacters(text)))
  const items: Item[] = []
  for (let at = 0; at < tokens.length; ) {
    const found = quantityAt(tokens, at)
    if (found !== undefined) {
      items.push({ kind: 'quantity', quantity: found.quantity, eitherSign: isFall(tokens, at, found.end) })
      at = found.end
      continue
    }
    const token = tokens[at]
    if (token !== undefined && !isQuiet(token, tokens[at - 1])) items.push({ kind: 'text', text: token.text })
    at += 1
  }
  const key = tokens.filter((token) => token.kind !== 'symbol' || '<>=+%$€£¥/&@#∞'.includes(token.text))
  return { items, key: key.map((token) => token.text).join(' ') }
}

const isQuiet = (token: Token, before: Token | undefined): boolean =>
  QUIET.has(token.text) || (token.text === '!' && before?.kind === 'word')

/** In "33.9% decrease" and "fell by 33.9%" the word may stand for the sign. */
const isFall = (tokens: readonly Token[], from: number, end: number): boolean => {
  const before = tokens[from - 1]?.text ?? ''
  const word = before === 'of' || before === 'by' ? tokens[from - 2]?.text : before
  return FALLING.has(word ?? '') || FALLING.has(tokens[end]?.text ?? '')
}

/**
 * The lists of quantities that a label accepts as an answer: one list of one for most labels, one of two for "1.91% and
 * 3.46%, respectively", two for "$ 386797190 or $ 386.8 million", none for a name or a sentence of several numbers.
 */
export const acceptedBy = (items: readonly Item[]): QuantityItem[][] => {
  const or = items.findIndex((item) => item.kind === 'text' && item.text === 'or')
  if (or >= 0) {
    const first = acceptedBy(items.slice(0, or))
    const rest = acceptedBy(items.slice(or + 1))
    if (first.length > 0 && rest.length > 0) return [...first, ...rest]
  }
  const quantities = quantitiesOf(items)
  if (quantities.length === 0) return []
  if (quantities.length === 1 || isList(items)) return [quantities]
  const rest = quantitiesOf(items.filter((item, at) => !isYear(item, items[at - 1])))
  return rest.length === 1 ? [rest] : []
}

/** The quantities among items, in order. */
export const quantitiesOf = (items: readonly Item[]): QuantityItem[] => items.filter((item) => item.kind === 'quantity')

/** Whether items are quantities and at most the words that join them. */
export const isList = (items: readonly Item[]): boolean =>
  items.every((item) => item.kind === 'quantity' || JOINING.has(item.text))

const isYear = (item: Item, before: Item | undefined): boolean => {
  if (item.kind !== 'quantity' || before?.kind !== 'text' || !BEFORE_YEAR.has(before.text)) return false
  const { numerator, place, digits, unit, magnitude } = item.quantity
  const bare = unit === undefined && magnitude === undefined && place === 0 && digits === 4
  return bare && numerator >= 1900n && numerator < 2100n
}
