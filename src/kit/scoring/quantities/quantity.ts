import { type Numeral, numeralAt } from './numeral.ts'
import type { Token } from './tokens.ts'
import { combineUnits, isCurrency, prefixUnitAt, suffixUnitAt, type Unit } from './units.ts'

/** A number as written, with sign and unit. Its value is `numerator / denominator × 10^(power + magnitude)`. */
export interface Quantity extends Pick<Numeral, 'numerator' | 'denominator' | 'form' | 'digits'> {
  /** For a decimal: the power of ten of the last written digit, before power and magnitude. */
  readonly place: number | undefined
  /** The written sign; parentheses are a minus. */
  readonly sign: '' | '+' | '-'
  readonly unit: string | undefined
  readonly power: number
  /** The power of ten of a magnitude word, if there is one. */
  readonly magnitude: number | undefined
}

/** A single number, or a range between two. */
export type Value =
  | { readonly kind: 'quantity'; readonly quantity: Quantity }
  | { readonly kind: 'range'; readonly low: Quantity; readonly high: Quantity }

interface Found<What> {
  readonly found: What
  /** The index of the next token. */
  readonly end: number
}

/** Reads the number or range that begins at a token, if there is one. */
export function valueAt(tokens: readonly Token[], from: number): Found<Value> | undefined {
  if (isInsideWord(tokens, from)) return undefined
  const range = rangeAt(tokens, from)
  if (range !== undefined) return range
  const one = quantityAt(tokens, from)
  if (one === undefined || runsOn(tokens, one.end)) return undefined
  return { found: { kind: 'quantity', quantity: one.found }, end: one.end }
}

const joiners: Readonly<Record<string, readonly string[]>> = { between: ['and'], from: ['to'] }

/** Reads `3-4%`, `3% to 4%`, `between 3 and 4`. The unit of one end applies to the other if that has none. */
function rangeAt(tokens: readonly Token[], from: number): Found<Value> | undefined {
  const opening = joiners[tokens[from]?.text ?? '']
  const first = quantityAt(tokens, opening === undefined ? from : from + 1)
  if (first === undefined) return undefined
  const joiner = tokens[first.end]
  if (joiner === undefined || !(opening ?? ['-', 'to']).includes(joiner.text)) return undefined
  const start = tokens[first.end + 1]
  // "3 -4" are two numbers, one of them negative.
  if (joiner.text === '-' && joiner.spaced && start?.spaced === false) return undefined
  const second = quantityAt(tokens, first.end + 1)
  if (second === undefined || runsOn(tokens, second.end)) return undefined
  const high =
    isBare(second.found) && isCurrency(first.found.unit ?? '') ? withUnit(second.found, first.found) : second.found
  return { found: { kind: 'range', low: withUnitOf(first.found, second.found), high }, end: second.end }
}

function isBare({ unit, power }: Quantity): boolean {
  return unit === undefined && power === 0
}

function withUnit(quantity: Quantity, { unit }: Quantity): Quantity {
  return { ...quantity, unit }
}

function withUnitOf(low: Quantity, high: Quantity): Quantity {
  const magnitude = low.magnitude ?? (low.power === 0 ? high.magnitude : undefined)
  if (!isBare(low)) return { ...low, magnitude }
  if (low.magnitude !== undefined) return low
  return { ...low, unit: high.unit, power: high.power, magnitude }
}

/** Reads the quantity that begins at a token, whatever comes before and after it. */
function quantityAt(tokens: readonly Token[], from: number): Found<Quantity> | undefined {
  const prefix = prefixAt(tokens, from)
  const numeral = numeralAt(tokens, prefix.end)
  if (numeral === undefined) return undefined
  const before = numeral.ratio ? combineUnits(prefix.unit, { name: 'ratio' }) : prefix.unit
  if (before === undefined) return undefined
  let { unit, end } = suffixesAt(tokens, numeral.end, before)
  if (prefix.open) {
    if (tokens[end]?.text !== ')') return undefined
    ;({ unit, end } = suffixesAt(tokens, end + 1, unit))
  } else if (prefix.sign === '-') {
    const repeated = repeatedInParentheses(tokens, end, numeral)
    if (repeated !== undefined) ({ unit, end } = suffixesAt(tokens, repeated, unit))
  }
  const trailing = prefix.sign === '' && isTrailingMinus(tokens, end)
  if (trailing) end += 1
  const sign = trailing ? '-' : prefix.sign
  const { numerator, denominator, form, place, digits } = numeral
  const found: Quantity = {
    numerator: sign === '-' ? -numerator : numerator,
    denominator,
    form,
    place,
    digits,
    sign,
    unit: unit.name,
    power: unit.power ?? 0,
    magnitude: unit.magnitude,
  }
  return { found, end }
}

/** Reads a sign, a currency and an opening parenthesis in any common order: `-$5`, `$-5`, `($5)`, `$(5)`, `-(5)`. */
function prefixAt(tokens: readonly Token[], from: number) {
  let end = from
  let unit: Unit = {}
  let sign: Quantity['sign'] = ''
  let open = false
  for (;;) {
    const text = tokens[end]?.text ?? ''
    const currency = unit.name === undefined ? prefixUnitAt(tokens, end) : undefined
    if (currency !== undefined) {
      unit = currency.unit
      end = currency.end
    } else if (sign === '' && (text === '-' || text === '+')) {
      sign = text
      end += 1
    } else if (text === '(' && !open && sign !== '+') {
      sign = '-'
      open = true
      end += 1
    } else {
      return { end, unit, sign, open }
    }
  }
}

/** The minus of `8%-`, a notation in some accounts. */
function isTrailingMinus(tokens: readonly Token[], at: number): boolean {
  return tokens[at]?.text === '-' && !tokens[at].spaced && at === tokens.length - 1
}

/** Reads the repetition in `-35 ( 35 )`, found in tables extracted from filings. Returns the index of the next token. */
function repeatedInParentheses(tokens: readonly Token[], at: number, numeral: Numeral): number | undefined {
  if (tokens[at]?.text !== '(') return undefined
  const inner = numeralAt(tokens, prefixUnitAt(tokens, at + 1)?.end ?? at + 1)
  if (inner?.numerator !== numeral.numerator || inner.denominator !== numeral.denominator) return undefined
  const { end } = suffixesAt(tokens, inner.end, {})
  return tokens[end]?.text === ')' ? end + 1 : undefined
}

function suffixesAt(tokens: readonly Token[], from: number, before: Unit): { unit: Unit; end: number } {
  const next = suffixUnitAt(tokens, from)
  const unit = next && combineUnits(before, next.unit)
  return unit === undefined || next === undefined ? { unit: before, end: from } : suffixesAt(tokens, next.end, unit)
}

const joining = '-+/:^_.'

/** Whether a number at a token is the end of a longer name: the 009 of JKT-URB-009, the 14 of 8-14, the 3 of Q3. */
function isInsideWord(tokens: readonly Token[], at: number): boolean {
  if (tokens[at]?.spaced !== false) return false
  const before = tokens[at - 1]
  if (isText(before)) return true
  return before?.spaced === false && joining.includes(before.text) && isText(tokens[at - 2])
}

/** Whether a number that ends before a token is the start of a longer name: 5-year, 2nd, 1/2/2015 or 2^3. */
function runsOn(tokens: readonly Token[], at: number): boolean {
  const next = tokens[at]
  if (next === undefined) return false
  if (next.text === '^' || next.text === '**' || next.text === '/') return true
  if (next.spaced) return false
  return isText(next) || (joining.includes(next.text) && isText(tokens[at + 1]) && tokens[at + 1]?.spaced === false)
}

function isText(token: Token | undefined): boolean {
  return token?.kind === 'word' || token?.kind === 'number'
}
