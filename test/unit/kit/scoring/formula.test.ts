import { describe, expect, it } from 'vitest'
import { evaluateFormula, longestFormula, parseFormula } from '../../../../src/kit/scoring/formula/formula.ts'

const scores = new Map([
  ['a', 0.5],
  ['b', 2],
  ['zero', 0],
  ['name', 0.8],
  ['email', 1],
  ['größe', 3],
  ['__proto__', 7],
  ['constructor', 8],
  ['min', 9],
])

const calculate = (formula: string): number | string => {
  const read = parseFormula(formula, scores.keys())
  if (!read.ok) return read.problem.message
  const evaluated = evaluateFormula(read.formula, scores)
  return evaluated.ok ? evaluated.value : evaluated.problem.message
}

describe('a formula', () => {
  it.each([
    ['(name + email) / 2', 0.9],
    ['0.5 * name + 0.5 *email', 0.9],
    ['1 - 2 - 3', -4],
    ['8 / 4 / 2', 1],
    ['2 + 3 * 4', 14],
    ['(2 + 3) * 4', 20],
    ['2^3^2', 512],
    ['(2^3)^2', 64],
    ['-2^2', -4],
    ['(-2)^2', 4],
    ['2^-1', 0.5],
    ['2^-2^2', 0.0625],
    ['-b^b', -4],
    ['2 * -3', -6],
    ['2--3', 5],
    ['+-+2', -2],
    ['-zero', 0],
    ['.5 + 5. + 1e1 + 1.5E-1 + 2e+0', 17.65],
    ['min(3, 1, 2) + max(1, 4)', 5],
    ['min(3)', 3],
    ['abs(-3) + floor(1.9) + ceil(1.1) + sqrt(9)', 9],
    ['exp(0) + log(exp(1))', 2],
    ['log(8) / log(2)', 3],
    ['min + min (1, min)', 10],
    ['größe\n*\t2', 6],
    ['__proto__ + constructor', 15],
    ['(100 - abs(b - a)) / 100', 0.985],
  ])('%s is %d', (formula, value) => expect(calculate(formula)).toBeCloseTo(Number(value), 12))

  it('lists its variables', () => {
    const read = parseFormula('b + a * b + min(1, b)', scores.keys())
    expect(read.ok && read.formula.variables).toEqual(['b', 'a'])
  })

  it('never evaluates to negative zero', () => expect(Object.is(calculate('-zero'), 0)).toBe(true))

  it.each([
    ['', 'expected a number, a name or "(", found the end (character 1)'],
    ['  ', 'expected a number, a name or "(", found the end (character 3)'],
    ['1 +', 'expected a number, a name or "(", found the end (character 4)'],
    ['* 2', 'expected a number, a name or "(", found "*" (character 1)'],
    ['0.5 * a + 0.5 * b)', 'expected an operator or the end, found ")" (character 18)'],
    ['(1 + 2', 'expected ")" or an operator, found the end (character 7)'],
    ['2a', 'expected an operator or the end, found "a" (character 2)'],
    ['1 2', 'expected an operator or the end, found "2" (character 3)'],
    ['()', 'expected a number, a name or "(", found ")" (character 2)'],
    ['min()', 'expected a number, a name or "(", found ")" (character 5)'],
    ['min(1,)', 'expected a number, a name or "(", found ")" (character 7)'],
    ['min(1, 2', 'expected ")", "," or an operator, found the end (character 9)'],
    ['abs(1, 2)', 'abs takes 1 number, not 2 (character 1)'],
    ['2 ** 3', 'a power is written "^", not "**" (character 3)'],
    ['a % b', '"%" is not allowed in a formula (character 3)'],
    ['a = b', '"=" is not allowed in a formula (character 3)'],
    ['a.b', '"." is not allowed in a formula (character 2)'],
    ['1e999', '1e999 is too large (character 1)'],
    ['😀', '"😀" is not allowed in a formula (character 1)'],
    [
      'process(1)',
      expect.stringMatching(/^there is no function "process"; the functions are: min, max, .* \(character 1\)$/),
    ],
    ['constructor(1)', expect.stringContaining('there is no function "constructor"')],
    [
      '1 + toString',
      expect.stringMatching(/^there is no grader "toString"; the graders are: a, b, .* \(character 5\)$/),
    ],
    ['a-grader', expect.stringContaining('there is no grader "grader"')],
  ])('%j is invalid; the message names the position', (formula, message) => expect(calculate(formula)).toEqual(message))

  it.each([
    ['1 / zero', '"/" makes an infinite number of these scores (character 3)'],
    ['zero / zero', '"/" makes no number of these scores (character 6)'],
    ['min(1, 1 / zero)', '"/" makes an infinite number of these scores (character 10)'],
    ['sqrt(-1)', '"sqrt" makes no number of these scores (character 1)'],
    ['log(zero)', '"log" makes an infinite number of these scores (character 1)'],
    ['exp(1000)', '"exp" makes an infinite number of these scores (character 1)'],
    ['(-1)^0.5', '"^" makes no number of these scores (character 5)'],
    ['zero^-1', '"^" makes an infinite number of these scores (character 5)'],
    ['9^9^9^9', '"^" makes an infinite number of these scores (character 4)'],
  ])('%s has no value', (formula, message) => expect(calculate(formula)).toBe(message))

  it('has no value if a variable has no score', () => {
    const read = parseFormula('1 + a', ['a'])
    expect(read.ok && evaluateFormula(read.formula, new Map())).toEqual({
      ok: false,
      problem: { message: 'a has no score (character 5)', at: 4 },
    })
  })

  it('has no variables other than the graders', () => {
    expect(parseFormula('a', [])).toEqual({
      ok: false,
      problem: { message: 'there is no grader "a" (character 1)', at: 0 },
    })
  })

  it('is limited in length and depth', () => {
    expect(calculate(`1${'+1'.repeat((longestFormula - 1) / 2)}`)).toBe(5_000)
    expect(calculate(`1${'+1'.repeat(longestFormula / 2)}`)).toContain('at most 10000 characters')
    expect(calculate(`${'('.repeat(90)}1${')'.repeat(90)}`)).toBe(1)
    expect(calculate(`min(${'1,'.repeat(4_000)}1)`)).toBe(1)
    for (const deep of ['(', '-', 'abs(', '2^', '2^-', 'min(1,']) {
      expect(calculate(deep.repeat(1_500))).toContain('nested deeper than 100 levels')
    }
  })
})
