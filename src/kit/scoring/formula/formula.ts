import { FormulaError, quoted, type Token, tokensOf } from './formula-tokens.ts'

/** A step of a formula in postfix order: push a number, push a variable, or replace the last `takes` numbers by a result. */
export type FormulaStep =
  | { readonly kind: 'number'; readonly value: number; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string; readonly at: number }
  | {
      readonly kind: 'apply'
      readonly sign: string
      readonly at: number
      readonly takes: number
      readonly apply: (...numbers: number[]) => number
    }

/** A parsed formula; see {@link evaluateFormula}. */
export interface Formula {
  readonly steps: readonly FormulaStep[]
  /** The variables of the formula, each once, in order of first use. */
  readonly variables: readonly string[]
}

/** Why a formula is invalid or has no value. `at` is the position in UTF-16 units, from 0. */
export interface FormulaProblem {
  readonly message: string
  readonly at: number
}

/** A function of a formula. */
interface FormulaFunction {
  /** The number of arguments; undefined for one or more. */
  readonly takes: number | undefined
  readonly apply: (...numbers: number[]) => number
}

/**
 * The functions that a formula may call; `log` is the natural logarithm.
 *
 * @see https://platform.openai.com/docs/guides/graders (Multigraders: Functions)
 */
const formulaFunctions: ReadonlyMap<string, FormulaFunction> = new Map([
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

/** The operators, by precedence. */
const operators = {
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

/** The longest formula, in UTF-16 units. */
export const longestFormula = 10_000

/** The maximum nesting depth of parentheses, signs and powers. */
const deepest = 100

/**
 * Parses the formula of a multi grader: `+ - * / ^`, parentheses, `min max abs floor ceil exp sqrt log`, decimal numbers,
 * and the given variables. `^` is right-associative and binds tighter than a unary minus: `-2^2` is -4, `2^-1` is 0.5. A
 * name before a parenthesis is a function, any other is a variable. Linear in the length.
 *
 * @see https://platform.openai.com/docs/guides/graders (Multigraders)
 * @example parseFormula('(name + email) / 2', ['name', 'email'])
 */
export function parseFormula(
  text: string,
  variables: Iterable<string>,
): { readonly ok: true; readonly formula: Formula } | { readonly ok: false; readonly problem: FormulaProblem } {
  try {
    if (text.length > longestFormula) {
      throw new FormulaError(`a formula must have at most ${longestFormula} characters`, longestFormula)
    }
    return { ok: true, formula: read(tokensOf(text), new Set(variables)) }
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error
    return { ok: false, problem: { message: `${error.message} (character ${error.at + 1})`, at: error.at } }
  }
}

function read(tokens: readonly Token[], known: ReadonlySet<string>): Formula {
  const steps: FormulaStep[] = []
  const used = new Set<string>()
  const end: Token = tokens.at(-1) ?? { kind: 'end', at: 0, text: '' }
  let next = 0
  const peek = () => tokens[next] ?? end
  const isSign = (sign: string) => peek().kind === 'sign' && peek().text === sign
  const take = () => {
    const token = peek()
    next += 1
    return token
  }
  const expect = (sign: string, where: string) => {
    if (!isSign(sign)) throw new FormulaError(`expected ${where}, found ${quoted(peek())}`, peek().at)
    next += 1
  }
  const emit = ({ text, at }: Token, takes: number, apply: (...numbers: number[]) => number) =>
    steps.push({ kind: 'apply', sign: text, at, takes, apply })

  const leftToRight = (signs: ReadonlyMap<string, (left: number, right: number) => number>, operand: () => void) => {
    operand()
    for (;;) {
      const token = peek()
      const apply = token.kind === 'sign' ? signs.get(token.text) : undefined
      if (apply === undefined) return
      next += 1
      operand()
      emit(token, 2, apply)
    }
  }
  const sum = (depth: number) => leftToRight(operators.sums, () => product(depth))
  const product = (depth: number) => leftToRight(operators.products, () => signed(depth))
  const signed = (depth: number) => {
    if (depth > deepest) throw new FormulaError(`nested deeper than ${deepest} levels`, peek().at)
    if (!isSign('-') && !isSign('+')) return power(depth)
    const token = take()
    signed(depth + 1)
    if (token.text === '-') emit(token, 1, operators.negate)
  }
  const power = (depth: number) => {
    operand(depth)
    if (!isSign('^')) return
    const token = take()
    signed(depth + 1)
    emit(token, 2, operators.power)
  }
  const operand = (depth: number) => {
    const token = take()
    if (token.kind === 'number') steps.push({ kind: 'number', value: token.value, text: token.text })
    else if (token.kind === 'name' && isSign('(')) call(token, depth)
    else if (token.kind === 'name') variable(token)
    else if (token.text === '(') {
      sum(depth + 1)
      expect(')', '")" or an operator')
    } else throw new FormulaError(`expected a number, a name or "(", found ${quoted(token)}`, token.at)
  }
  const variable = ({ text, at }: Token) => {
    if (!known.has(text)) throw new FormulaError(`there is no grader "${text}"${listed('graders', known)}`, at)
    used.add(text)
    steps.push({ kind: 'variable', name: text, at })
  }
  const call = (token: Token, depth: number) => {
    const called = formulaFunctions.get(token.text)
    if (called === undefined) {
      throw new FormulaError(
        `there is no function "${token.text}"${listed('functions', formulaFunctions.keys())}`,
        token.at,
      )
    }
    next += 1
    let count = 1
    for (sum(depth + 1); isSign(','); count += 1) {
      next += 1
      sum(depth + 1)
    }
    expect(')', '")", "," or an operator')
    if (called.takes !== undefined && called.takes !== count) {
      throw new FormulaError(`${token.text} takes ${called.takes} number, not ${count}`, token.at)
    }
    emit(token, count, called.apply)
  }
  sum(0)
  if (peek().kind !== 'end')
    throw new FormulaError(`expected an operator or the end, found ${quoted(peek())}`, peek().at)
  return { steps, variables: [...used] }
}

function listed(kind: string, names: Iterable<string>): string {
  const all = [...names]
  const some = all.slice(0, 10).join(', ')
  return all.length === 0 ? '' : `; the ${kind} are: ${some}${all.length > 10 ? ', …' : ''}`
}

/**
 * Evaluates a formula for the scores of its variables.
 *
 * Every intermediate result must be finite: `min(1, 1 / 0)` is an error, as in Python, which evaluates these formulas
 * elsewhere. A variable without a finite score is an error too. The value is never -0.
 *
 * @example evaluateFormula(formula, new Map([['name', 0.8], ['email', 1]])) // { ok: true, value: 0.9 }
 */
export function evaluateFormula(
  formula: Formula,
  scores: ReadonlyMap<string, number>,
): { readonly ok: true; readonly value: number } | { readonly ok: false; readonly problem: FormulaProblem } {
  const stack: number[] = []
  for (const step of formula.steps) {
    const value = run(step, stack, scores)
    if (!Number.isFinite(value)) return { ok: false, problem: problemOf(step, value) }
    stack.push(value)
  }
  return { ok: true, value: (stack.at(-1) ?? 0) + 0 }
}

function run(step: FormulaStep, stack: number[], scores: ReadonlyMap<string, number>): number {
  if (step.kind === 'number') return step.value
  if (step.kind === 'variable') return scores.get(step.name) ?? Number.NaN
  return step.apply(...stack.splice(stack.length - step.takes, step.takes))
}

function problemOf(step: FormulaStep, value: number): FormulaProblem {
  if (step.kind === 'number') return { message: 'a number of the formula is not finite', at: 0 }
  const where = `(character ${step.at + 1})`
  if (step.kind === 'variable') return { message: `${step.name} has no score ${where}`, at: step.at }
  const what = Number.isNaN(value) ? 'no number' : 'an infinite number'
  return { message: `"${step.sign}" makes ${what} of these scores ${where}`, at: step.at }
}
