import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluateArithmetic } from '../../../../src/kit/scoring/arithmetic.ts'
import { runs } from '../../../support/runs.ts'

const worth = (text: string) => {
  const read = evaluateArithmetic(text)
  return read.ok ? `${read.numerator}/${read.denominator}` : read.reason
}

describe('the value of an arithmetic expression', () => {
  it.each([
    ['(25+3)*4', '112/1'],
    ['25 + 3 * 4', '37/1'],
    ['100 - 20 - 3', '77/1'],
    ['8 / 4 / 2', '1/1'],
    ['1/3 + 1/3 + 1/3', '1/1'],
    ['3 - 5', '-2/1'],
    ['1 / (3 - 5)', '-1/2'],
    ['(25 + 3) × 4 − 2 ÷ 2', '111/1'],
    ['25 x 4', '100/1'],
    ['+3 * 2', '6/1'],
    ['\\left(25+3\\right) \\times 4', '112/1'],
    ['\\frac{25 + 3}{4} \\cdot 2', '14/1'],
    ['\\frac{\\frac{8}{2}}{2}', '2/1'],
    ['９９ + １', '100/1'],
    ['99999999999999999999 * 99999999999999999999', '9999999999999999999800000000000000000001/1'],
  ])('%s is %s', (text, value) => expect(worth(text)).toBe(value))

  it('comes with the numbers of the expression', () =>
    expect(evaluateArithmetic('(3+3)*25')).toMatchObject({ numbers: [3n, 3n, 25n] }))

  it.each([
    ['', 'the end'],
    ['25 +', 'the end'],
    ['(25 + 3', '")"'],
    ['25 + 3)', 'an operator or the end'],
    ['25 3', 'an operator or the end'],
    ['2(3+4)', 'an operator or the end'],
    ['2.5 * 4', '"." is not allowed'],
    ['2 ** 3', '"**" is not allowed'],
    ['2 ^ 3', '"^" is not allowed'],
    ['2²', '"^" is not allowed'],
    ['2e3', '"e" is not allowed'],
    ['min(2)', '"m" is not allowed'],
    ['-3 + 5', 'a sign before a number'],
    ['5 - -3', 'a sign before a number'],
    ['4 / (2 - 2)', 'division by zero'],
    ['process.exit(1)', '"p" is not allowed'],
    [`${'('.repeat(120)}1${')'.repeat(120)}`, 'nested deeper'],
    [`1${'+1'.repeat(600)}`, 'longer than 1000'],
  ])('%.40s has no value: %s', (text, reason) => expect(worth(text)).toContain(reason))

  it('is found up to the documented limits of depth and length', () => {
    expect(worth(`${'('.repeat(100)}1${')'.repeat(100)}`)).toBe('1/1')
    expect(worth(`1${'+1'.repeat(499)}`)).toBe('500/1')
  })

  // The oracle: JavaScript's arithmetic on integers, without division.
  const { tree } = fc.letrec<{ tree: { text: string; value: bigint } }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.nat(99).map((number) => ({ text: `${number}`, value: BigInt(number) })),
      fc.tuple(tie('tree'), fc.constantFrom('+', '-', '*'), tie('tree')).map(([left, sign, right]) => ({
        text: `(${left.text}${sign}${right.text})`,
        value:
          sign === '+' ? left.value + right.value : sign === '-' ? left.value - right.value : left.value * right.value,
      })),
    ),
  }))

  it('respects parentheses', () =>
    fc.assert(
      fc.property(tree, ({ text, value }) => {
        fc.pre(text.length <= 1000)
        const depth = Math.max(...[...text].map((_, at) => text.slice(0, at + 1).split('(').length))
        fc.pre(depth < 100)
        expect(worth(text)).toBe(`${value}/1`)
      }),
    ))

  it('never throws', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void evaluateArithmetic(text)),
      { numRuns: runs(50) },
    ))
})
