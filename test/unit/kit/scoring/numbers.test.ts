import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readReference, scoreNumber } from '../../../../src/kit/scoring/numbers.ts'
import { numericCases } from '../../../support/scoring/numeric-cases.ts'
import { numericRuleCases } from '../../../support/scoring/numeric-rule-cases.ts'

const literal = { rule: 'literal' } as const

describe('the score of a number', () => {
  for (const [about, cases] of Object.entries(numericCases)) {
    describe(about, () => {
      for (const [answer, reference, expected, expectedLiteral = expected] of cases) {
        it(`gives ${JSON.stringify(answer)} against ${JSON.stringify(reference)} ${expected}`, () => {
          expect(scoreNumber(answer, reference).score).toBe(expected)
          expect(scoreNumber(answer, reference, literal).score).toBe(expectedLiteral)
        })
      }
    })
  }

  for (const [about, cases] of Object.entries(numericRuleCases)) {
    describe(about, () => {
      for (const [answer, reference, expected, question] of cases) {
        const asked = question === undefined ? '' : ` when asked ${JSON.stringify(question)}`
        it(`gives ${JSON.stringify(answer)} against ${JSON.stringify(reference)} ${expected}${asked}`, () => {
          expect(scoreNumber(answer, reference, question === undefined ? {} : { question }).score).toBe(expected)
        })
      }
    })
  }

  it('agrees with every row of a hand-checked file, in both rules', () => {
    const own = { answer: '0.2734', reference: '27.3%', expected: 1, expected_literal: 0.5 }
    // Debatable rows, for which the scorer follows another rule than the file.
    const decided = ['-(35)', '14% increase']
    const rows = [own, ...rowsOf<typeof own>('finqa/numeric_cases.jsonl')].filter(
      (row) => !decided.includes(row.answer),
    )
    for (const row of rows) {
      expect.soft(scoreNumber(row.answer, row.reference).score, JSON.stringify(row).slice(0, 200)).toBe(row.expected)
      expect.soft(scoreNumber(row.answer, row.reference, literal).score).toBe(row.expected_literal)
    }
  })

  it('agrees with every row of a regression file', () => {
    const own: FaultRow = { answer: '4 3/8%', reference: '4.375%', score: 1 }
    for (const row of [own, ...rowsOf<FaultRow>('faults/numbers.jsonl')]) {
      const options = row.question === undefined ? {} : { question: row.question }
      expect.soft(scoreNumber(row.answer, row.reference, options).score, JSON.stringify(row)).toBe(row.score)
    }
  })
})

interface FaultRow {
  readonly answer: string
  readonly reference: string
  readonly score: number
  readonly question?: string
}

/** The rows of a file of shared data, or none if it does not exist. */
function rowsOf<Row>(path: string): Row[] {
  const file = new URL(`../../../../../shared/${path}`, import.meta.url)
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  return lines.map((line): Row => JSON.parse(line))
}

describe('the reason of a score', () => {
  it.each([
    ['14.136%', '14.1%', 'rounds to the reference 14.1%'],
    ['14.1', '14.1%', 'equals the reference 14.1%'],
    ['10001', '10000', 'within 0.1% of the reference 10000'],
    ['14%', '14.1%', 'the reference 14.1% rounded further'],
    ['811', '811.97', 'the reference 811.97 cut short'],
    ['14.2%', '14.1%', 'within a tenth of a percentage point of the reference 14.1%'],
    ['5 or 6', '5', 'two numbers'],
    ['5, 6, 7', '5', '3 numbers'],
    ['1.5%', '1.5% and 2.5%', 'one number where the reference has 2'],
    ['-5', '5', 'sign differs'],
    ['50', '5', 'off by a factor of ten'],
    ['5 billion', '5 million', 'off by a factor of a thousand'],
    ['€5', '$5', 'another currency: EUR, not USD'],
    ['$5', '5%', 'USD against percent'],
    ['about 5', '5', 'words around the number'],
    ['5)', '5', 'signs around the number'],
    ['', '5', 'empty answer'],
    ['no idea', '5', 'no number in the answer'],
    ['5-6', '5', 'a range, not one number'],
    ['5', '5-6', 'one number, not a range'],
    ['up 5', '5 decrease', 'the other direction'],
    ['up 5 down', '5', 'both directions'],
    ['decrease of -5', '-5', 'the sign contradicts the direction'],
    ['NaN', '5', 'not a finite number'],
    ['6', '5', 'differs by 20% from the reference 5'],
    ['no', 'yes', 'is not the reference yes'],
    ['5', ' ', 'unusable reference: the reference is empty'],
    ['$5', '$5', 'equals the reference $5'],
  ])('for %j against %j is a short phrase', (answer, reference, reason) => {
    expect(scoreNumber(answer, reference).reason).toBe(reason)
  })

  it('reports that an answer is too long', () => {
    expect(scoreNumber('5'.repeat(1001), '5').reason).toBe('the answer is longer than 1000 characters')
  })
})

describe('a reference', () => {
  it('that is unusable comes with a reason, so that a grader can throw', () => {
    expect(readReference('\n')).toEqual({ usable: false, reason: 'the reference is empty' })
    expect(readReference('NaN')).toEqual({ usable: false, reason: 'the reference is NaN' })
    expect(readReference('#N/A').usable).toBe(false)
    expect(readReference('x'.repeat(1001)).usable).toBe(false)
  })

  it('that is noisy is still usable', () => {
    for (const label of ['8-14', '\\\\n0.5%', 'no', 'none', '2019-2023', '( $ 5.83 )']) {
      expect(readReference(label).usable, label).toBe(true)
    }
  })
})
