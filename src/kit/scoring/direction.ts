import { type Item, isValue } from './label.ts'
import type { Quantity, Value } from './quantities/quantity.ts'

/** The direction of a change. */
export type Direction = 'up' | 'down'

/** The direction that an answer states in words for its only number. */
export type Stated =
  | { readonly kind: 'none' }
  | { readonly kind: 'stated'; readonly direction: Direction; readonly value: Value }
  | { readonly kind: 'contradiction'; readonly reason: string }

function words(...lists: readonly string[]): ReadonlySet<string> {
  return new Set(lists.flatMap((list) => list.split(' ')))
}

const movesUp = words(
  'increase increases increased increasing rise rises rose risen rising grow grows grew grown growing growth gain gains',
  'gained gaining up climb climbed climbing jump jumped surge surged improve improved improvement expand expanded expansion',
  'appreciated appreciation profit profits surplus',
)
const movesDown = words(
  'decrease decreases decreased decreasing decline declines declined declining fall falls fell fallen falling drop drops',
  'dropped dropping down loss losses lost reduce reduced reduces reducing reduction shrink shrank shrunk shrinking',
  'contracted contraction slip slipped slid dip dipped plunge plunged sank lowered diminished deficit shortfall',
)
const comparesUp = words('higher more greater larger bigger above')
const comparesDown = words('lower less fewer smaller below')

/** The direction that a word names. */
function directionOf(word: string): Direction | undefined {
  if (movesUp.has(word) || comparesUp.has(word)) return 'up'
  return movesDown.has(word) || comparesDown.has(word) ? 'down' : undefined
}

/**
 * Reads an answer of one number and a direction: `8% decrease`, `decreased by 8%`, `an increase of 8%`, `down 8%`,
 * `a net loss of $3.6 million`, `lower by 8%`. Any other words around the number give `none`.
 */
export function statedDirection(items: readonly Item[]): Stated {
  const place = items.findIndex(isValue)
  const value = items[place]
  if (value === undefined || !isValue(value) || items.filter(isValue).length > 1) return { kind: 'none' }
  const before = textsOf(items.slice(0, place))
  const after = textsOf(items.slice(place + 1))
  const named = new Set([...before, ...after].flatMap((word) => directionOf(word) ?? []))
  if (named.size > 1) return { kind: 'contradiction', reason: 'both directions' }
  const [direction] = named
  if (direction === undefined || !introduces(before) || !closes(after)) return { kind: 'none' }
  const contradicts = signsOf(value).some((sign) => sign === '-' || (sign === '+' && direction === 'down'))
  if (contradicts) return { kind: 'contradiction', reason: 'the sign contradicts the direction' }
  return { kind: 'stated', direction, value }
}

function textsOf(items: readonly Item[]): string[] {
  return items.flatMap((item) => (item.kind === 'text' ? [item.text] : []))
}

/** Whether words may introduce a number with a direction: `an`, `a net loss of`, `down`, `lower by`. */
function introduces(texts: readonly string[]): boolean {
  const text = texts.join(' ').replace(/^(?:an?|the)(?: |$)/u, '')
  if (text === '') return true
  const [, word = '', preposition] = /^(?:net )?(\S+)(?: (of|by))?$/u.exec(text) ?? []
  const moves = movesUp.has(word) || movesDown.has(word)
  return moves || (preposition === 'by' && directionOf(word) !== undefined)
}

function closes(texts: readonly string[]): boolean {
  return texts.length === 0 || (texts.length === 1 && directionOf(texts[0] ?? '') !== undefined)
}

function signsOf(value: Value): Quantity['sign'][] {
  return value.kind === 'range' ? [value.low.sign, value.high.sign] : [value.quantity.sign]
}

/** The direction that the words of a label name; undefined for none or both. */
export function directionNamedIn(items: readonly Item[]): Direction | undefined {
  const named = items.flatMap((item, at) => {
    const next = items[at + 1]
    const bound = next?.kind === 'text' && (next.text === 'to' || next.text === 'than')
    return item.kind === 'text' && !bound ? (directionOf(item.text) ?? []) : []
  })
  const [direction] = named
  return new Set(named).size === 1 ? direction : undefined
}

/** Whether a word next to the value at an index names a decrease: then that word may replace the minus sign. */
export function isFallAt(items: readonly Item[], place: number): boolean {
  const textAt = (at: number): string => {
    const item = items[at]
    return item?.kind === 'text' ? item.text : ''
  }
  const before = /^(?:of|by)$/u.test(textAt(place - 1)) ? textAt(place - 2) : textAt(place - 1)
  return directionOf(before) === 'down' || directionOf(textAt(place + 1)) === 'down'
}

/** A value with its sign changed. */
export function negated(value: Value): Value {
  if (value.kind === 'range') return { ...value, low: negative(value.low), high: negative(value.high) }
  return { ...value, quantity: negative(value.quantity) }
}

function negative(quantity: Quantity): Quantity {
  return { ...quantity, numerator: -quantity.numerator }
}

/** A value without its sign. */
export function unsigned(value: Value): Value {
  const plain = (quantity: Quantity) => (quantity.numerator < 0n ? negative(quantity) : quantity)
  if (value.kind === 'range') return { ...value, low: plain(value.low), high: plain(value.high) }
  return { ...value, quantity: plain(value.quantity) }
}
