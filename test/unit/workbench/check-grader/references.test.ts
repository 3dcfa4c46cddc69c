import { describe, expect, it } from 'vitest'
import { checkGrader } from '../../../../src/workbench/check-grader/check-grader.ts'
import { questionOf, referencesOf, saysTheSame } from '../../../../src/workbench/check-grader/references.ts'
import { readCheckRow } from '../../../../src/workbench/check-grader/rows.ts'
import { noServices } from '../../../../src/workbench/check-grader/try-answer.ts'
import { badGraders } from '../../../support/check-grader/bad-graders.ts'

const range = { range: [0, 1] } as const
const rowsOf = (rows: readonly unknown[]) => rows.map(readCheckRow)

describe('what a right answer says', () => {
  it('is the labelled answer that is worth the most', () => {
    const answers = [
      { output_text: 'half', label: 0.5 },
      { output_text: 'all', label: 1 },
    ]
    expect(referencesOf(rowsOf([{ item: { target: 'a field' }, answers }]), range)).toEqual(['all'])
  })

  it('is not an answer that a person labelled as partly right or wrong', () => {
    const rows = rowsOf([0.5, 0].map((label) => ({ item: {}, answers: [{ output_text: 'best of its item', label }] })))
    expect(referencesOf(rows, range)).toEqual([undefined, undefined])
    expect(referencesOf(rows, { range: [0, 0.5] })).toEqual(['best of its item', undefined])
  })

  it('is a field with a usual name, even a number or a list, if no row has labels', () => {
    const rows = rowsOf([
      { reference_answer: '94', answer: 'no' },
      { target: 7 },
      { label: ['A1', 'B2'] },
      { other: 'x' },
    ])
    expect(referencesOf(rows, range)).toEqual(['94', '7', 'A1, B2', undefined])
  })

  it('is only the named field, even if other rows have labels', () => {
    const labelled = { item: { other: 'y' }, answers: [{ output_text: 'right', label: 1 }] }
    const rows = [{ target: 'no', other: 'x' }, { target: 'no' }, labelled]
    expect(referencesOf(rowsOf(rows), range, 'other')).toEqual(['x', undefined, 'right'])
  })
})

describe('two answers', () => {
  it.each([
    ['12.5', ' **12.5%**.', true],
    ['1,250', '$1250', true],
    ['Elm Street.', 'elm street', true],
    ['12.5', '125', false],
    ['12.5', '1.25', false],
    ['.5', '5', false],
    ['-3', '3', false],
    ['0', '0.00', true],
    ['0', '-0.0%', true],
    ['1', '100%', true],
    ['0.125', '12.5 %', true],
    ['7%', '0.07', true],
    ['100%', '10000%', false],
    ['100', '1', false],
    ['D50', 'D5', false],
    ['', '0', false],
  ])('%j and %j: whether they say the same is %j', (one, other, same) => {
    expect(saysTheSame(one, other)).toBe(same)
  })
})

describe('a row of a check', () => {
  it('reports what is wrong with its labels, and is a bare item if it has none', () => {
    expect(() => readCheckRow({ item: {}, answers: [{ output_text: 'x' }] })).toThrow('label')
    expect(() => readCheckRow('text')).toThrow()
    expect(readCheckRow({ question: 'x', answer: '1' })).toEqual({ item: { question: 'x', answer: '1' }, answers: [] })
  })

  it('has its question in the last message of the user, or its longest text', () => {
    const messages = ['first', 'last'].map((content) => ({ role: 'user', content }))
    expect(questionOf({ messages: [...messages, { role: 'assistant', content: 'no' }], long: 'longer text' })).toBe(
      'last',
    )
    expect(questionOf({ id: 'x', question: 'longer text' })).toBe('longer text')
  })
})

describe('answers that no person calls right', () => {
  it('need not earn what right ones must', async () => {
    const item = { question: 'How much?', answer: '12.5' }
    const rows = rowsOf([{ item, answers: [{ output_text: '12', label: 0.5 }] }])
    const material = { grader: badGraders.strict, rows, references: referencesOf(rows, range), services: noServices() }
    const findings = await checkGrader(material)
    expect(findings.find(({ check }) => check === 'right answers')).toMatchObject({
      verdict: 'warn',
      found: 'no right answer is known',
    })
  })
})
