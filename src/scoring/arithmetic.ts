import { plainCharacters } from './plain-text.ts'

/** What an arithmetic expression comes to. */
export type Arithmetic =
  | {
      readonly ok: true
      /** The exact value is `numerator / denominator`, in lowest terms; the denominator is 1 or more. */
      readonly numerator: bigint
      readonly denominator: bigint
      /** The numbers that stand in it, in their order, repeated ones repeated. */
      readonly numbers: readonly bigint[]
    }
  | { readonly ok: false; readonly reason: string }

const LONGEST = 1_000
const DEEPEST = 50

interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

/**
 * Evaluates whole numbers joined by `+ - * /` and parentheses, exactly: thirds stay thirds. The usual precedence, from
 * left to right. Signs as people write them do as well: `× · x`, `÷ :`, `−`, and LaTeX's `\times \cdot \div \frac{…}{…}`.
 *
 * There is no sign before a number, no decimal point, no power, and nothing like `2(3+4)`. At most 1,000 characters and 50
 * parentheses inside one another. Never throws: what cannot be evaluated comes with a reason. Nothing is run as code.
 *
 * @example evaluateArithmetic('(25 + 3) × 4') // { ok: true, numerator: 112n, denominator: 1n, numbers: [25n, 3n, 4n] }
 */
export const evaluateArithmetic = (text: string): Arithmetic => {
  if (text.length > LONGEST) return { ok: false, reason: `longer than ${LONGEST} characters` }
  const written = plainSigns(text)
  const tokens = written.match(/\d+|\S/gu) ?? []
  const numbers: bigint[] = []
  let at = 0

  const operand = (depth: number): Fraction => {
    const token = tokens[at] ?? 'the end'
    at += 1
    if (/^\d+$/u.test(token)) {
      numbers.push(BigInt(token))
      return { numerator: BigInt(token), denominator: 1n }
    }
    if (token !== '(') throw new Unreadable(`a number was expected, not ${token}`)
    if (depth === DEEPEST) throw new Unreadable(`more than ${DEEPEST} parentheses inside one another`)
    const inside = sum(depth + 1)
    if (tokens[at] !== ')') throw new Unreadable('a parenthesis is not closed')
    at += 1
    return inside
  }
  const chain = (signs: string, next: (depth: number) => Fraction, depth: number): Fraction => {
    let left = next(depth)
    for (let sign = tokens[at]; sign !== undefined && signs.includes(sign); sign = tokens[at]) {
      at += 1
      left = combine(left, sign, next(depth))
    }
    return left
  }
  const product = (depth: number): Fraction => chain('*/', operand, depth)
  const sum = (depth: number): Fraction => chain('+-', product, depth)

  try {
    const value = sum(0)
    const rest = tokens[at]
    return rest === undefined ? { ok: true, ...value, numbers } : { ok: false, reason: `no sign was expected: ${rest}` }
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.message }
    throw error
  }
}

class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

const plainSigns = (text: string): string => {
  let plain = plainCharacters(text)
  for (let before = ''; before !== plain; ) {
    before = plain
    plain = plain.replace(/\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/gu, '(($1)/($2))')
  }
  return plain
    .replace(/\\(?:left|right)(?![a-z])|\\[,;! ]/gu, '')
    .replace(/\\(?:times|cdot|ast)(?![a-z])|[×·⋅∙∗xX]/gu, '*')
    .replace(/\\div(?![a-z])|[÷:]/gu, '/')
}

const combine = (left: Fraction, sign: string, right: Fraction): Fraction => {
  const { numerator: a, denominator: b } = left
  const { numerator: c, denominator: d } = right
  if (sign === '*') return lowest(a * c, b * d)
  if (sign === '+') return lowest(a * d + c * b, b * d)
  if (sign === '-') return lowest(a * d - c * b, b * d)
  if (c === 0n) throw new Unreadable('a division by zero')
  return lowest(a * d, b * c)
}

const lowest = (numerator: bigint, denominator: bigint): Fraction => {
  let [divisor, rest] = [size(denominator), size(numerator)]
  while (rest > 0n) [divisor, rest] = [rest, divisor % rest]
  const sign = denominator < 0n ? -divisor : divisor
  return { numerator: numerator / sign, denominator: denominator / sign }
}

const size = (value: bigint): bigint => (value < 0n ? -value : value)
