import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readReference, scoreNumber } from '../../../../src/kit/scoring/numbers.ts'
import { NUMERIC_CASES } from '../../../support/scoring/numeric-cases.ts'

const literal = { rule: 'literal' } as const

describe('the score of a number', () => {
  for (const [about, cases] of Object.entries(NUMERIC_CASES)) {
    describe(about, () => {
      for (const [answer, reference, expected, expectedLiteral = expected] of cases) {
        it(`gives ${JSON.stringify(answer)} against ${JSON.stringify(reference)} ${expected}`, () => {
          expect(scoreNumber(answer, reference).score).toBe(expected)
          expect(scoreNumber(answer, reference, literal).score).toBe(expectedLiteral)
        })
      }
    })
  }

  it('agrees with every row of a hand-checked file, in both rules', () => {
    const file = new URL('../../../../../shared/finqa/numeric_cases.jsonl', import.meta.url)
    const own = { answer: '0.2734', reference: '27.3%', expected: 1, expected_literal: 0.5 }
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
    const rows: (typeof own)[] = [own, ...lines.map((line): typeof own => JSON.parse(line))]
    for (const row of rows) {
      expect.soft(scoreNumber(row.answer, row.reference).score, JSON.stringify(row).slice(0, 200)).toBe(row.expected)
      expect.soft(scoreNumber(row.answer, row.reference, literal).score).toBe(row.expected_literal)
    }
  })
})

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
    ['5-6', '5', 'not a plain number'],
    ['NaN', '5', 'not a finite number'],
    ['6', '5', 'differs by 20% from the reference 5'],
    ['no', 'yes', 'is not the reference yes'],
    ['5', ' ', 'no answer can be right: the reference is empty'],
    ['$5', '$5', 'equals the reference $5'],
  ])('for %j against %j is short and in words', (answer, reference, reason) => {
    expect(scoreNumber(answer, reference).reason).toBe(reason)
  })

  it('says that an answer is too long to be looked at', () => {
    expect(scoreNumber('5'.repeat(1001), '5').reason).toBe('the answer is longer than 1000 characters')
  })
})

describe('a reference', () => {
  it('that cannot be answered says why, so that a grader can throw', () => {
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
