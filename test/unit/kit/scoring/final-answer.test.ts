import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { finalAnswer } from '../../../../src/kit/scoring/final-answer.ts'

const one = (answer: string) => ({ found: 'one', answer })
const none = (reason: string) => ({ found: 'none', reason })
const noForm = none('no answer in the requested form')

describe('reasoning in the output', () => {
  it.each([
    ['<think>7 * 2 = 14</think>14', '14'],
    ['<think>\n7 * 2\n</think>\n\n14\n', '14'],
    ['<thinking>7 * 2</thinking> 14', '14'],
    ['<THINK>7</Think>14', '14'],
    ['7 * 2 is 14, I think.</think>14', '14'],
    ['<think>a</think>14<think>b</think>', '14'],
    ['<think>a <think> b</think>14', '14'],
    ['<think>a<think>b</think>c</think>14', '14'],
    ['14', '14'],
    ['7 < 14', '7 < 14'],
  ])('is removed from %j', (text, answer) => {
    expect(finalAnswer(text, { reasoning: true })).toEqual(one(answer))
  })

  it('does not join the numbers on its two sides', () => {
    expect(finalAnswer('1<think>x</think>4', { reasoning: true })).toEqual(one('1\n4'))
  })

  it('leaves no answer if it is not closed', () => {
    expect(finalAnswer('<think>7 * 2 = 14', { reasoning: true })).toEqual(none('the reasoning is not closed'))
    expect(finalAnswer('<think>7 * 2</think>  ', { reasoning: true })).toEqual(none('empty answer'))
    expect(finalAnswer('', {})).toEqual(none('empty answer'))
  })

  it('is kept without the option', () => {
    expect(finalAnswer('<think>7</think>14', {})).toEqual(one('<think>7</think>14'))
    expect(finalAnswer('<answer>14</answer>', { reasoning: true })).toEqual(one('<answer>14</answer>'))
  })
})

describe('an answer in a form', () => {
  it('is read from a tag', () => {
    expect(finalAnswer('It is <answer> 14 </answer>.', { tag: true })).toEqual(one('14'))
    expect(finalAnswer('14', { tag: true })).toEqual(noForm)
    expect(finalAnswer('<answer>14', { tag: true })).toEqual(noForm)
    expect(finalAnswer('<answer></answer>', { tag: true })).toEqual(none('empty answer'))
  })

  it('is read from a box within a sentence, including braces', () => {
    expect(finalAnswer('So it is $\\boxed{\\frac{1}{2}}$.', { boxed: true })).toEqual(one('\\frac{1}{2}'))
    expect(finalAnswer('So it is 14.', { boxed: true })).toEqual(noForm)
    expect(finalAnswer('\\boxed{14', { boxed: true })).toEqual(noForm)
  })

  it('is read from a field of JSON, with or without a code fence', () => {
    expect(finalAnswer('{"answer": "14%"}', { field: 'answer' })).toEqual(one('14%'))
    expect(finalAnswer('```json\n{"answer": 14}\n```', { field: 'answer' })).toEqual(one('14'))
    expect(finalAnswer('{"answer": [1, 2]}', { field: 'answer' })).toEqual(one('[1,2]'))
    expect(finalAnswer('{"answer": 9007199254740993}', { field: 'answer' })).toEqual(one('9007199254740993'))
    expect(finalAnswer('{"result": 14}', { field: 'answer' })).toEqual(noForm)
    expect(finalAnswer('{"a": 14}', { field: 'toString' })).toEqual(noForm)
    expect(finalAnswer('14', { field: 'answer' })).toEqual(noForm)
  })

  it('is read from the last line', () => {
    expect(finalAnswer('7 times 2.\nAnswer: 14', { line: true })).toEqual(one('14'))
    expect(finalAnswer('**Final answer:** 14', { line: true })).toEqual(one('14'))
    expect(finalAnswer('**Final answer: 14**', { line: true })).toEqual(one('14'))
    expect(finalAnswer('Final answer: **14**', { line: true })).toEqual(one('14'))
    expect(finalAnswer('Answer: 14\nI am sure.', { line: true })).toEqual(noForm)
    expect(finalAnswer('The answer is 14', { line: true })).toEqual(noForm)
  })

  it('is read within another form, and after reasoning', () => {
    const text = '<think>\\boxed{7}</think>I say <answer>that it is \\boxed{14}</answer>'
    expect(finalAnswer(text, { reasoning: true, tag: true, boxed: true })).toEqual(one('14'))
    expect(finalAnswer('Answer: \\boxed{14}', { tag: true, boxed: true, line: true })).toEqual(one('14'))
    expect(finalAnswer('\\boxed{14}', { tag: true, boxed: true })).toEqual(one('14'))
  })

  it('is ambiguous if a form gives different answers, but not if it repeats one', () => {
    const several = (reason: string) => ({ found: 'several', reason })
    expect(finalAnswer('\\boxed{14} or \\boxed{15}', { boxed: true })).toEqual(several('2 different boxes'))
    expect(finalAnswer('\\boxed{14}, yes: \\boxed{14}', { boxed: true })).toEqual(one('14'))
    expect(finalAnswer('<answer>1</answer><answer>2</answer>', { tag: true })).toEqual(
      several('2 different <answer> tags'),
    )
    expect(finalAnswer('Answer: 1\nAnswer: 2', { line: true })).toEqual(several('2 different answer lines'))
  })
})

describe('for any text', () => {
  const fragment = fc.constantFrom(
    '<think>',
    '</think>',
    '<answer>',
    '</answer>',
    '\\boxed{',
    '}',
    '{',
    '\n',
    'Answer:',
    '14',
  )
  const options = fc.record({ reasoning: fc.boolean(), tag: fc.boolean(), boxed: fc.boolean(), line: fc.boolean() })

  it('the answer is part of the text and not empty', () => {
    const texts = fc.array(fragment, { maxLength: 20 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(texts, options, (text, asked) => {
        const final = finalAnswer(text, asked)
        const said = final.found === 'one' ? final.answer : final.reason
        expect(said).not.toBe('')
        expect(said.trim()).toBe(said)
      }),
      { numRuns: 1000 },
    )
  })

  it('a megabyte is read in linear time', () => {
    const all = { reasoning: true, tag: true, field: 'answer', boxed: true, line: true }
    for (const piece of ['<think>', '</think>', '<answer>', '\\boxed{', '{', '\\', '\n', 'Answer:', '* ', ' ']) {
      const long = piece.repeat(Math.ceil(1_048_576 / piece.length))
      expect(['one', 'none', 'several']).toContain(finalAnswer(long, all).found)
    }
  })
})
