import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluateFormula, parseFormula } from '../../../../src/kit/scoring/formula/formula.ts'
import { runs } from '../../../support/runs.ts'

type Tree =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'minus'; readonly of: Tree }
  | { readonly kind: 'infix'; readonly sign: '+' | '-' | '*' | '/' | '^'; readonly left: Tree; readonly right: Tree }
  | { readonly kind: 'call'; readonly name: keyof typeof functions; readonly of: readonly Tree[] }

const functions = {
  min: (...numbers: number[]) => numbers.reduce((one, other) => (other < one ? other : one)),
  max: (...numbers: number[]) => numbers.reduce((one, other) => (other > one ? other : one)),
  abs: (one = 0) => (one < 0 ? 0 - one : one),
  floor: (one = 0) => Math.floor(one),
  ceil: (one = 0) => 0 - Math.floor(0 - one),
  exp: (one = 0) => Math.exp(one),
  sqrt: (one = 0) => Math.sqrt(one),
  log: (one = 0) => Math.log(one),
}
const scores = new Map([
  ['a', 0.25],
  ['b', -1.5],
  ['long_name2', 3],
])

/** The reference implementation, which evaluates the tree. Undefined if any result is not finite. */
const evaluate = (tree: Tree): number | undefined => {
  const finite = (value: number | undefined) => (Number.isFinite(value) ? value : undefined)
  if (tree.kind === 'number') return tree.value
  if (tree.kind === 'name') return scores.get(tree.name)
  const operands = tree.kind === 'minus' || tree.kind === 'call' ? [tree.of].flat() : [tree.left, tree.right]
  const values: number[] = []
  for (const operand of operands) {
    const value = evaluate(operand)
    if (value === undefined) return undefined
    values.push(value)
  }
  const [left = 0, right = 0] = values
  if (tree.kind === 'minus') return finite(0 - left)
  if (tree.kind === 'call') return finite(functions[tree.name](...values))
  switch (tree.sign) {
    case '+':
      return finite(left + right)
    case '-':
      return finite(left - right)
    case '*':
      return finite(left * right)
    case '/':
      return finite(left / right)
    case '^':
      return finite(left ** right)
  }
}

/** Precedence: a tree within one of higher precedence needs parentheses. */
const binding = { '+': 1, '-': 1, '*': 2, '/': 2, minus: 3, '^': 4, alone: 5 }
const bindingOf = (tree: Tree) =>
  tree.kind === 'infix' ? binding[tree.sign] : tree.kind === 'minus' ? binding.minus : binding.alone

/** The tree as a formula with as few parentheses as possible. */
const print = (tree: Tree): string => {
  const inside = (inner: Tree, least: number) => (bindingOf(inner) < least ? `(${print(inner)})` : print(inner))
  if (tree.kind === 'number') return String(tree.value)
  if (tree.kind === 'name') return tree.name
  if (tree.kind === 'minus') return `-${inside(tree.of, binding.minus)}`
  if (tree.kind === 'call') return `${tree.name}(${tree.of.map(print).join(', ')})`
  // The right operand of a power may be a sign or another power without parentheses, the left one may not.
  if (tree.sign === '^') return `${inside(tree.left, binding.alone)}^${inside(tree.right, binding.minus)}`
  const own = binding[tree.sign]
  return `${inside(tree.left, own)} ${tree.sign} ${inside(tree.right, own + 1)}`
}

/** The tree as a formula with all parentheses and white space between all tokens. */
const printLoose = (tree: Tree): string => {
  if (tree.kind === 'number' || tree.kind === 'name') return `\t( ${print(tree)}\n)`
  if (tree.kind === 'minus') return `( - ${printLoose(tree.of)} )`
  if (tree.kind === 'call') return `( ${tree.name} ( ${tree.of.map(printLoose).join(' , ')} ) )`
  return `( ${printLoose(tree.left)} ${tree.sign} ${printLoose(tree.right)} )`
}

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    fc.record({ kind: fc.constant('number'), value: fc.constantFrom(0, 1, 2, 3, 0.5, 1e-3, 12.25, 1e21) }),
    fc.record({ kind: fc.constant('name'), name: fc.constantFrom(...scores.keys()) }),
    fc.record({ kind: fc.constant('minus'), of: tie('tree') }),
    fc.record({
      kind: fc.constant('infix'),
      sign: fc.constantFrom('+', '-', '*', '/', '^'),
      left: tie('tree'),
      right: tie('tree'),
    }),
    fc.record({
      kind: fc.constant('call'),
      name: fc.constantFrom('abs', 'floor', 'ceil', 'exp', 'sqrt', 'log'),
      of: fc.tuple(tie('tree')),
    }),
    fc.record({
      kind: fc.constant('call'),
      name: fc.constantFrom('min', 'max'),
      of: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    }),
  ),
}))

const calculate = (text: string): number | undefined | string => {
  const read = parseFormula(text, scores.keys())
  if (!read.ok) return read.problem.message
  const evaluated = evaluateFormula(read.formula, scores)
  return evaluated.ok ? evaluated.value : undefined
}

describe('any formula', () => {
  it('has the value of its expression tree, with as few parentheses as possible', () => {
    fc.assert(
      fc.property(tree, (one) => {
        const value = evaluate(one)
        expect(calculate(print(one))).toBe(value === undefined ? undefined : value + 0)
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('has the same value with white space and redundant parentheses', () => {
    fc.assert(
      fc.property(tree, (one) => {
        expect(calculate(printLoose(one))).toBe(calculate(print(one)))
      }),
    )
  })

  it('is parsed or rejected without throwing, and has a finite value', () => {
    const fragment = fc.constantFrom(
      '1',
      '.',
      'e',
      '+',
      '-',
      '*',
      '/',
      '^',
      '(',
      ')',
      ',',
      'a',
      'min',
      'log',
      ' ',
      '2.5',
    )
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 20 }), (fragments) => {
        const value = calculate(fragments.join(''))
        if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true)
      }),
      { numRuns: runs(2_000) },
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => calculate(text)).not.toThrow()
      }),
    )
  })
})
