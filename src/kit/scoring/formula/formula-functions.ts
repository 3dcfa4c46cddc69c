/** A function of a formula: how many numbers it takes, and what it makes of them. */
export interface FormulaFunction {
  /** Undefined for one or more. */
  readonly takes: number | undefined
  readonly apply: (...numbers: number[]) => number
}

/**
 * The functions that a formula may call; `log` is the natural logarithm.
 *
 * @see https://platform.openai.com/docs/guides/graders (Multigraders: Functions)
 */
export const formulaFunctions: ReadonlyMap<string, FormulaFunction> = new Map([
  ['min', { takes: undefined, apply: Math.min }],
  ['max', { takes: undefined, apply: Math.max }],
  ['abs', { takes: 1, apply: Math.abs }],
  ['floor', { takes: 1, apply: Math.floor }],
  ['ceil', { takes: 1, apply: Math.ceil }],
  ['exp', { takes: 1, apply: Math.exp }],
  ['sqrt', { takes: 1, apply: Math.sqrt }],
  ['log', { takes: 1, apply: Math.log }],
])

type Operator = (left: number, right: number) => number

/** The signs that stand between two numbers, by how tightly they bind. */
export const operators = {
  sums: new Map<string, Operator>([
    ['+', (left, right) => left + right],
    ['-', (left, right) => left - right],
  ]),
  products: new Map<string, Operator>([
    ['*', (left, right) => left * right],
    ['/', (left, right) => left / right],
  ]),
  power: (base: number, exponent: number) => base ** exponent,
  negate: (number: number) => -number,
}
