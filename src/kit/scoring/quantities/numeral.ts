import type { Token } from './tokens.ts'
import { suffixUnitAt } from './units.ts'

/** The digits of a number, without sign and unit: a decimal, a fraction, a mixed fraction or a power of ten. */
export interface Numeral {
  readonly numerator: bigint
  readonly denominator: bigint
  readonly form: 'decimal' | 'fraction' | 'mixed'
  /** For a decimal: the power of ten of the last written digit. */
  readonly place: number | undefined
  /** The number of written digits, without leading zeros. */
  readonly digits: number
  /** Written as a ratio to one, such as 1.5:1 or 1.5 to 1. */
  readonly ratio: boolean
  /** The index of the next token. */
  readonly end: number
}

/** Reads the numeral that begins at a token, if there is one. */
export function numeralAt(tokens: readonly Token[], at: number): Numeral | undefined {
  const first = tokens[at]
  if (first?.kind !== 'number') return undefined
  const one = decimalOf(first.mantissa, first.exponent, at + 1)
  const next = tokens[at + 1]?.text
  if (first.text === '10' && isPowerSign(next)) return powerOfTenAt(1n, 0, tokens, at)
  const mixed = mixedAt(first, tokens, at)
  if (mixed !== undefined) return mixed
  const toOne = endOfToOne(tokens, at + 1)
  if (toOne !== undefined) return { ...one, ratio: true, end: toOne }
  const second = tokens[at + 2]
  if (next === undefined || second?.kind !== 'number') return one
  if ('×x*·⋅'.includes(next) && second.text === '10' && isPowerSign(tokens[at + 3]?.text)) {
    return powerOfTenAt(first.mantissa, first.exponent, tokens, at + 2)
  }
  return next === '/' || next === ':' ? quotientOf(one, second, next === ':', at + 3) : one
}

function decimalOf(mantissa: bigint, exponent: number, end: number): Numeral {
  const digits = String(mantissa).length
  return { ...fractionOf(mantissa, exponent), form: 'decimal', place: exponent, digits, ratio: false, end }
}

function fractionOf(mantissa: bigint, exponent: number): { numerator: bigint; denominator: bigint } {
  if (exponent < 0) return { numerator: mantissa, denominator: 10n ** BigInt(-exponent) }
  return { numerator: mantissa * 10n ** BigInt(exponent), denominator: 1n }
}

function isPowerSign(text: string | undefined): boolean {
  return text === '^' || text === '**'
}

/** Reads a power of ten such as `10^6` at a token and applies it to a mantissa. */
function powerOfTenAt(mantissa: bigint, exponent: number, tokens: readonly Token[], at: number): Numeral | undefined {
  const signed = tokens[at + 2]?.text === '-' || tokens[at + 2]?.text === '+'
  const power = tokens[at + (signed ? 3 : 2)]
  if (power?.kind !== 'number' || !/^[0-9]{1,3}$/u.test(power.text)) return undefined
  const sign = tokens[at + 2]?.text === '-' ? -1 : 1
  return decimalOf(mantissa, exponent + sign * Number(power.mantissa), at + (signed ? 4 : 3))
}

function quotientOf(one: Numeral, divisor: Token, ratio: boolean, end: number): Numeral | undefined {
  const { numerator, denominator } = fractionOf(divisor.mantissa, divisor.exponent)
  if (numerator === 0n) return undefined
  if (numerator === denominator) return { ...one, ratio, end }
  return {
    numerator: one.numerator * denominator,
    denominator: one.denominator * numerator,
    form: 'fraction',
    place: undefined,
    digits: one.digits,
    ratio,
    end,
  }
}

/** Reads an integer and a proper fraction, such as 5 1/4, 7-7/8 or 3 and 1/2. */
function mixedAt(whole: Token, tokens: readonly Token[], at: number): Numeral | undefined {
  const hyphen = tokens[at + 1]?.text === '-' && !tokens[at + 1]?.spaced
  const start = hyphen || isAndOfMixed(tokens, at) ? at + 2 : at + 1
  const [above, slash, below] = tokens.slice(start, start + 3)
  if (above?.kind !== 'number' || slash?.text !== '/' || below?.kind !== 'number') return undefined
  if (above.spaced === hyphen || !isWhole(whole) || !isWhole(above) || !isWhole(below)) return undefined
  if (above.mantissa === 0n || above.mantissa >= below.mantissa) return undefined
  return {
    numerator: whole.mantissa * below.mantissa + above.mantissa,
    denominator: below.mantissa,
    form: 'mixed',
    place: undefined,
    digits: String(whole.mantissa).length,
    ratio: false,
    end: start + 3,
  }
}

/** Whether "and" after a number may join it to a fraction: not in a range, nor in a list such as "2 and 1/3, respectively". */
function isAndOfMixed(tokens: readonly Token[], at: number): boolean {
  if (tokens[at]?.mantissa === 0n || tokens[at + 1]?.text !== 'and') return false
  return !tokens.some(({ text }) => text === 'between' || text === 'respectively')
}

function isWhole({ exponent, text }: Token): boolean {
  return exponent === 0 && !/[.e]/iu.test(text)
}

/** The end of "to 1" or "-to-1" after a number, unless it ends a range such as 0.5 to 1%. */
function endOfToOne(tokens: readonly Token[], at: number): number | undefined {
  const hyphen = tokens[at]?.text === '-' && !tokens[at]?.spaced
  const to = hyphen ? at + 1 : at
  const one = tokens[to + 1]?.text === '-' && hyphen ? to + 2 : to + 1
  if (tokens[to]?.text !== 'to' || !['1', '1.', '1.0', 'one'].includes(tokens[one]?.text ?? '')) return undefined
  const next = tokens[one + 1]
  const alone = next === undefined || (next.kind === 'symbol' && !'-/:^'.includes(next.text))
  return alone && suffixUnitAt(tokens, one + 1) === undefined ? one + 1 : undefined
}
