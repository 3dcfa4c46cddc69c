import { parseFormula } from './formula/formula.ts'
import { plainCharacters } from './undress.ts'

/** The value of an arithmetic expression. */
export type Arithmetic =
  | {
      readonly ok: true
      /** The exact value is `numerator / denominator`, in lowest terms; the denominator is positive. */
      readonly numerator: bigint
      readonly denominator: bigint
      /** The numbers in the expression, in order, including repeated ones. */
      readonly numbers: readonly bigint[]
    }
  | { readonly ok: false; readonly reason: string }

const longest = 1_000

interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

/**
 * Evaluates integers combined with `+ - * /` and parentheses, as exact fractions, with the usual precedence. Also accepts
 * `× · x`, `÷ :`, `−`, and LaTeX's `\times \cdot \div \frac{…}{…}`.
 *
 * Negative numbers, decimals, powers and implicit products such as `2(3+4)` are not supported. The limits are 1,000
 * characters and the nesting depth of `parseFormula`. Never throws; nothing is run as code.
 *
 * @example evaluateArithmetic('(25 + 3) × 4') // { ok: true, numerator: 112n, denominator: 1n, numbers: [25n, 3n, 4n] }
 */
export function evaluateArithmetic(text: string): Arithmetic {
  if (text.length > longest) return { ok: false, reason: `longer than ${longest} characters` }
  const written = plainSigns(text)
  // `parseFormula` would also accept names, powers, decimals and functions.
  const unknown = /[^\d+\-*/()\s]|\*\*/u.exec(written)
  if (unknown !== null) return { ok: false, reason: `"${unknown[0]}" is not allowed in an expression` }
  const read = parseFormula(written, [])
  if (!read.ok) return { ok: false, reason: read.problem.message }
  const numbers: bigint[] = []
  const stack: Fraction[] = []
  for (const step of read.formula.steps) {
    if (step.kind === 'number') {
      numbers.push(BigInt(step.text))
      stack.push({ numerator: BigInt(step.text), denominator: 1n })
      continue
    }
    const [right, left] = [stack.pop(), stack.pop()]
    if (step.kind === 'variable' || step.takes !== 2 || left === undefined || right === undefined) {
      return { ok: false, reason: 'a sign before a number' }
    }
    if (step.sign === '/' && right.numerator === 0n) return { ok: false, reason: 'a division by zero' }
    stack.push(combine(left, step.sign, right))
  }
  const [value] = stack
  return value === undefined ? { ok: false, reason: 'no number' } : { ok: true, ...value, numbers }
}

function plainSigns(text: string): string {
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

function combine(left: Fraction, sign: string, right: Fraction): Fraction {
  const { numerator: a, denominator: b } = left
  const { numerator: c, denominator: d } = right
  if (sign === '*') return lowest(a * c, b * d)
  if (sign === '+') return lowest(a * d + c * b, b * d)
  if (sign === '-') return lowest(a * d - c * b, b * d)
  return lowest(a * d, b * c)
}

function lowest(numerator: bigint, denominator: bigint): Fraction {
  let [divisor, rest] = [size(denominator), size(numerator)]
  while (rest > 0n) [divisor, rest] = [rest, divisor % rest]
  const sign = denominator < 0n ? -divisor : divisor
  return { numerator: numerator / sign, denominator: denominator / sign }
}

function size(value: bigint): bigint {
  return value < 0n ? -value : value
}
