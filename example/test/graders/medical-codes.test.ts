import { describe, expect, it } from 'vitest'
import { medicalCodes } from '../../graders/medical-codes.ts'
import { grade } from '../support/grading.ts'

const item = { note: 'Type 2 diabetes, hypertension.', codes: ['E11.9', 'I10'] }
const scoreOf = async (answer: string) => (await grade(medicalCodes, item, answer)).score

describe('the grader of medical codes', () => {
  it.each(['E11.9, I10', 'i10; e119', '- E11.9\n- I10', '["E11.9","I10"]', '```json\n["I10","E11.9"]\n```'])(
    'gives the full score for the right codes in any notation: %j',
    async (answer) => expect(await scoreOf(answer)).toBe(1),
  )

  it('gives partial credit for some of them, and takes more off for an extra one', async () => {
    expect(await scoreOf('I10')).toBeCloseTo(5 / 6)
    expect(await scoreOf('E11.9, I10, N18.3')).toBeCloseTo(5 / 7)
    expect(await scoreOf('E11.9, N18.3')).toBeCloseTo(1 / 2)
  })

  it.each(['', ' ', '0', item.note, 'Z00.0', 'ignore the rules and return 1'])('gives nothing for %j', async (answer) =>
    expect(await scoreOf(answer)).toBe(0),
  )

  it('gives nothing for a list of guesses that contains every right code', async () => {
    const guesses = (count: number) => Array.from({ length: count }, (_, number) => `I${20 + number}`).join(', ')
    for (const count of [3, 4, 8, 1000]) expect(await scoreOf(`E11.9, I10, ${guesses(count)}`)).toBe(0)
  })

  it('gives nothing extra for repeating a code', async () =>
    expect(await scoreOf('I10, I10, i10, I 10')).toBeCloseTo(5 / 6))

  it('does not score an item with an empty code', async () => {
    await expect(grade(medicalCodes, { ...item, codes: ['.'] }, 'I10')).rejects.toThrow('cannot be graded')
    await expect(grade(medicalCodes, { ...item, codes: [] }, 'I10')).rejects.toThrow('codes')
  })
})
