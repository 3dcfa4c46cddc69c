/** A token of a formula. `at` is its position in UTF-16 units, from 0. */
export type Token =
  | { readonly kind: 'number'; readonly at: number; readonly text: string; readonly value: number }
  | { readonly kind: 'name' | 'sign' | 'end'; readonly at: number; readonly text: string }

/** A syntax error in a formula; `at` is its position. */
export class FormulaError extends Error {
  override readonly name = 'FormulaError'
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

const numberPattern = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/uy
const namePattern = /[\p{L}_][\p{L}\p{N}_]*/uy
const space = /\s*/uy

/**
 * Splits a formula into numbers (`2`, `.5`, `1e-3`), names and signs, followed by an end token. Throws a
 * {@link FormulaError} for any other character and for a number that is not finite.
 */
export function tokensOf(formula: string): Token[] {
  const tokens: Token[] = []
  let at = skip(formula, 0)
  while (at < formula.length) {
    const token = tokenAt(formula, at)
    tokens.push(token)
    at = skip(formula, at + token.text.length)
  }
  tokens.push({ kind: 'end', at: formula.length, text: '' })
  return tokens
}

function tokenAt(formula: string, at: number): Token {
  const number = match(numberPattern, formula, at)
  if (number !== undefined) {
    const value = Number(number)
    if (!Number.isFinite(value)) throw new FormulaError(`${number} is too large`, at)
    return { kind: 'number', at, text: number, value }
  }
  const name = match(namePattern, formula, at)
  if (name !== undefined) return { kind: 'name', at, text: name }
  const sign = String.fromCodePoint(formula.codePointAt(at) ?? 0)
  if (formula.startsWith('**', at)) throw new FormulaError('a power is written "^", not "**"', at)
  if ('+-*/^(),'.includes(sign)) return { kind: 'sign', at, text: sign }
  throw new FormulaError(`"${sign}" is not allowed in a formula`, at)
}

function match(pattern: RegExp, formula: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(formula)?.[0]
}

function skip(formula: string, at: number): number {
  return at + (match(space, formula, at)?.length ?? 0)
}

/** A token as it is quoted in messages. */
export function quoted(token: Token): string {
  return token.kind === 'end' ? 'the end' : `"${token.text}"`
}
