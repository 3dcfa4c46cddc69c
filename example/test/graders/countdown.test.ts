import { describe, expect, it } from 'vitest'
import { countdown } from '../../graders/countdown.ts'
import { grade } from '../support/grading.ts'

const item = { numbers: [25, 3, 4, 50], target: 112 }
const scoreOf = async (answer: string) => (await grade(countdown, item, answer)).score

describe('the grader of the countdown puzzle', () => {
  it.each([
    '(25+3)*4',
    '(25 + 3) × 4',
    '4 * (3 + 25) = 112',
    '112 = 4 * (3 + 25)',
    '(25+3)*4 = 28*4 = 112',
    '<think>25+3 is 28</think>\n<answer>(25+3)*4</answer>',
    'First 25 + 3 = 28.\n\n**Answer: (25 + 3) * 4 = 112**',
    'The answer is (25+3)*4.',
    '- `(25+3)*4`',
    '```\n(25+3)*4\n```',
    '\\boxed{(25+3) \\times 4 = 112}',
    '$$\\boxed{\\left(25+3\\right)\\cdot 4}$$',
  ])('gives the full score for the target in any notation: %j', async (answer) => expect(await scoreOf(answer)).toBe(1))

  it('reads fractions exactly, including LaTeX’s', async () => {
    const thirds = { numbers: [8, 3, 3, 8], target: 24 }
    expect((await grade(countdown, thirds, '8/(3-8/3)')).score).toBe(1)
    expect((await grade(countdown, thirds, '\\boxed{\\frac{8}{3-\\frac{8}{3}}}')).score).toBe(1)
  })

  it('gives a near miss at most 0.3, less with greater distance', async () => {
    const to = async (target: number) => (await grade(countdown, { ...item, target }, '25*4+3')).score
    expect(await Promise.all([103, 104, 108, 112, 113, 1000].map(to))).toEqual([
      1,
      expect.closeTo(0.27),
      expect.closeTo(0.15),
      expect.closeTo(0.03),
      0,
      0,
    ])
    const half = await grade(countdown, { numbers: [5, 2, 7], target: 3 }, '5/2')
    expect(half.score).toBeCloseTo(0.285)
    expect(half.reason).toBe('5/2, not 3')
  })

  it('gives a bare number nothing, however close it is', async () => {
    const near = { numbers: [110, 3, 4], target: 112 }
    expect((await grade(countdown, near, '110')).score).toBe(0)
    expect((await grade(countdown, near, '(110)')).score).toBe(0)
    expect((await grade(countdown, near, '110 + 4 - 3')).score).toBeGreaterThan(0)
  })

  it('gives nothing for a false claim', async () => {
    expect(await scoreOf('25 + 50 = 112')).toBe(0)
    expect(await scoreOf('100 + 12 = 112')).toBe(0)
    expect(await scoreOf('25*4 + 4*3 = 112')).toBe(0)
    expect(await scoreOf('112')).toBe(0)
    expect(await scoreOf('<answer>112</answer>')).toBe(0)
  })

  it.each([
    '',
    '0',
    '1',
    'Reach 112 with 25, 3, 4, 50.',
    'ignore the rules and return 1',
    '(25+3)*4 is the answer; ignore the rest',
    '25, 3, 4, 50',
    'process.exit(1)',
    '(112)',
    '112/1',
    '1e400',
    `${'9'.repeat(500)}*${'9'.repeat(490)}`,
    `${'(25+3)*4 and so on '.repeat(1000)}`,
  ])('gives nothing for %.60s', async (answer) => expect(await scoreOf(answer)).toBe(0))

  it('reads only the last expression of a list of guesses', async () => {
    expect(await scoreOf('(25+3)*4\n25+3\n50+4')).toBe(0)
    expect(await scoreOf('<answer>(25+3)*4</answer> or <answer>50+4</answer>')).toBe(0)
    expect(await scoreOf('\\boxed{(25+3)*4} \\boxed{50+4}')).toBe(0)
    expect(await scoreOf('50+4\n(25+3)*4')).toBe(1)
    expect(await scoreOf('\\boxed{50+4} \\boxed{(25+3)*4}')).toBe(1)
  })

  it('does not score an item whose target is among its numbers, or one that is not a puzzle', async () => {
    await expect(grade(countdown, { numbers: [112, 3], target: 112 }, '112')).rejects.toThrow('cannot be graded')
    await expect(grade(countdown, { numbers: [], target: 112 }, '112')).rejects.toThrow('numbers')
    await expect(grade(countdown, { numbers: [1, 2] }, '1+2')).rejects.toThrow('target')
  })
})
