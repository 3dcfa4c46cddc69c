import { isInsideWord, runsOn } from './adjacency.ts'
import type { Token } from './tokens.ts'
import { PREFIXES, SUFFIXES, type Unit } from './units.ts'

/** A number as somebody wrote it. Its value is `numerator / denominator × 10^(power + magnitude)`. */
export interface Quantity {
  numerator: bigint
  denominator: bigint
  /** The power of ten of the last digit written, before power and magnitude; none for a fraction such as 3/5. */
  place: number | undefined
  /** How many digits were written, leading zeros apart. */
  digits: number
  unit: string | undefined
  power: number
  /** Undefined where no magnitude word was written. */
  magnitude: number | undefined
}

interface Numeral extends Pick<Quantity, 'numerator' | 'denominator' | 'place' | 'digits'> {
  ratio: boolean
  end: number
}

/** Reads the quantity that begins at a token, and says where it ends; undefined where none does. */
export const quantityAt = (tokens: readonly Token[], from: number): { quantity: Quantity; end: number } | undefined => {
  if (isInsideWord(tokens, from)) return undefined
  const prefix = prefixAt(tokens, from)
  const numeral = numeralAt(tokens, prefix.end)
  if (numeral === undefined) return undefined
  const ratio = numeral.ratio ? combine(prefix.unit, { name: 'ratio' }) : prefix.unit
  if (ratio === undefined) return undefined
  let { unit, end } = suffixesAt(tokens, numeral.end, ratio)
  const closed = prefix.open ? (tokens[end]?.text === ')' ? end + 1 : undefined) : end
  if (closed === undefined) return undefined
  const repeated = prefix.negative && !prefix.open ? repeatedInParentheses(tokens, closed, numeral) : undefined
  if (prefix.open || repeated !== undefined) ({ unit, end } = suffixesAt(tokens, repeated ?? closed, unit))
  if (runsOn(tokens, end)) return undefined
  const { numerator, denominator, place, digits } = numeral
  const quantity: Quantity = {
    numerator: prefix.negative ? -numerator : numerator,
    denominator,
    place,
    digits,
    unit: unit.name,
    power: unit.power ?? 0,
    magnitude: unit.magnitude,
  }
  return { quantity, end }
}

/** A sign, a currency and an opening parenthesis, each at most once, in any order that is in use. */
const prefixAt = (tokens: readonly Token[], from: number) => {
  let end = from
  let unit: Unit = {}
  let sign = ''
  for (;;) {
    const text = tokens[end]?.text ?? ''
    const currency = unit.name === undefined ? unitAt(PREFIXES, tokens, end) : undefined
    if (currency !== undefined) {
      unit = currency.unit
      end = currency.end
    } else if (sign === '' && (text === '-' || text === '+' || text === '(')) {
      sign = text
      end += 1
    } else {
      return { end, unit, negative: sign === '-' || sign === '(', open: sign === '(' }
    }
  }
}

const numeralAt = (tokens: readonly Token[], at: number): Numeral | undefined => {
  const first = tokens[at]
  if (first?.kind !== 'number') return undefined
  const written = { place: first.exponent, digits: String(first.mantissa).length }
  const one = { ...written, ...asFraction(first.mantissa, first.exponent), ratio: false, end: at + 1 }
  const next = tokens[at + 1]?.text
  const second = tokens[at + 2]
  if (first.text === '10' && isPowerSign(next)) return withPowerOfTen(one, { ...first, mantissa: 1n }, tokens, at)
  if (next === undefined || second?.kind !== 'number') return one
  if ('×x*·⋅'.includes(next) && second.text === '10' && isPowerSign(tokens[at + 3]?.text)) {
    return withPowerOfTen(one, first, tokens, at + 2)
  }
  if (next !== '/' && next !== ':') return one
  const divisor = asFraction(second.mantissa, second.exponent)
  if (divisor.numerator === 0n) return undefined
  return {
    numerator: one.numerator * divisor.denominator,
    denominator: one.denominator * divisor.numerator,
    place: divisor.numerator === divisor.denominator ? one.place : undefined,
    digits: one.digits,
    ratio: true,
    end: at + 3,
  }
}

const isPowerSign = (text: string | undefined): boolean => text === '^' || text === '**'

/** Reads the `10^6` at a token, as the power of a mantissa. */
const withPowerOfTen = (one: Numeral, mantissa: Token, tokens: readonly Token[], at: number): Numeral | undefined => {
  const signed = tokens[at + 2]?.text === '-' || tokens[at + 2]?.text === '+'
  const power = tokens[at + (signed ? 3 : 2)]
  if (power?.kind !== 'number' || !/^[0-9]{1,3}$/u.test(power.text)) return undefined
  const exponent = mantissa.exponent + Number(power.mantissa) * (tokens[at + 2]?.text === '-' ? -1 : 1)
  const digits = String(mantissa.mantissa).length
  return { ...one, ...asFraction(mantissa.mantissa, exponent), place: exponent, digits, end: at + (signed ? 4 : 3) }
}

const asFraction = (mantissa: bigint, exponent: number) =>
  exponent < 0
    ? { numerator: mantissa, denominator: 10n ** BigInt(-exponent) }
    : { numerator: mantissa * 10n ** BigInt(exponent), denominator: 1n }

/** The form `-35 ( 35 )` of tables made from filings: one number, written twice. Gives the token after it. */
const repeatedInParentheses = (tokens: readonly Token[], at: number, numeral: Numeral): number | undefined => {
  if (tokens[at]?.text !== '(') return undefined
  const inner = numeralAt(tokens, unitAt(PREFIXES, tokens, at + 1)?.end ?? at + 1)
  if (inner?.numerator !== numeral.numerator || inner.denominator !== numeral.denominator) return undefined
  const { end } = suffixesAt(tokens, inner.end, {})
  return tokens[end]?.text === ')' ? end + 1 : undefined
}

const suffixesAt = (tokens: readonly Token[], from: number, before: Unit): { unit: Unit; end: number } => {
  const next = unitAt(SUFFIXES, tokens, from)
  const unit = next && combine(before, next.unit)
  return unit === undefined || next === undefined ? { unit: before, end: from } : suffixesAt(tokens, next.end, unit)
}

/** Two units together, such as $ and million; undefined where they contradict each other. */
const combine = (one: Unit, other: Unit): Unit | undefined => {
  if (other.magnitude !== undefined) {
    return one.magnitude === undefined && one.power === undefined ? { ...one, ...other } : undefined
  }
  if (one.name === undefined)
    return other.power !== undefined && one.magnitude !== undefined ? undefined : { ...one, ...other }
  return one.name === other.name && /^[A-Z]/u.test(one.name) && other.power === undefined ? one : undefined
}

const unitAt = (units: ReadonlyMap<string, Unit>, tokens: readonly Token[], at: number) => {
  const first = tokens[at]
  const second = tokens[at + 1]
  if (first === undefined) return undefined
  // "a $5 rise" is not in Australian dollars, "US $5" is in American ones
  const joined = second !== undefined && (!second.spaced || second.text !== '$' || /^us/u.test(first.text))
  const two = joined ? units.get(`${first.text} ${second.text}`) : undefined
  if (two !== undefined) return { unit: two, end: at + 2 }
  const one = units.get(first.text)
  return one && { unit: one, end: at + 1 }
}
