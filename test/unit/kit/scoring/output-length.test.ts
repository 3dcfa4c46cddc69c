import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  estimateTokens,
  scoreOutputLength,
  scoreReasoningLength,
} from '../../../../src/kit/scoring/conduct/output-length.ts'
import { expectValidScore, text } from '../../../support/scoring/texts.ts'

const options = { free: 5, most: 15 }

describe('the length of an answer', () => {
  it('scores 1 up to one limit, decreasing linearly to 0 at another', () => {
    const scores = [0, 20, 24, 40, 60, 100].map((length) =>
      scoreOutputLength({ output_text: 'x'.repeat(length) }, options),
    )
    expect(scores.map(({ score }) => score)).toEqual([1, 1, 0.9, 0.5, 0, 0])
    expect(scores[3]).toMatchObject({ reason: 'the answer has 10 tokens, 5 beyond 5', parts: { tokens: 10 } })
  })

  it('is counted in tokens of about four bytes, or by a given function', () => {
    expect([estimateTokens(''), estimateTokens('The answer is 42.'), estimateTokens('東京')]).toEqual([0, 5, 2])
    const count = (words: string) => words.split(' ').length
    expect(scoreOutputLength({ output_text: 'a b c' }, { free: 0, most: 4, count }).score).toBe(0.25)
  })

  it('gives a valid score that never increases with the length', () => {
    fc.assert(
      fc.property(text, text, (output, more) => {
        const score = scoreOutputLength({ output_text: output }, options)
        expectValidScore(score)
        const longer = scoreOutputLength({ output_text: `${output} ${more}` }, options)
        expect(longer.score).toBeLessThanOrEqual(score.score)
      }),
    )
  })

  it('requires valid limits', () => {
    for (const [free, most] of [
      [5, 5],
      [-1, 5],
      [0, Number.POSITIVE_INFINITY],
      [Number.NaN, 5],
    ] as const) {
      expect(() => scoreOutputLength({ output_text: '' }, { free, most })).toThrow(RangeError)
    }
  })
})

it('scores the reasoning summary if the sample has one', () => {
  const score = (output_reasoning_summary: unknown) =>
    scoreReasoningLength({ output_text: '', output_reasoning_summary }, options)
  expect([score(undefined), score(null), score([]), score([{ type: 'other' }]), score(7)]).toEqual(
    Array(5).fill(undefined),
  )
  expect(score('x'.repeat(40))).toMatchObject({ score: 0.5, reason: 'the reasoning summary has 10 tokens, 5 beyond 5' })
  expect(score([{ type: 'summary_text', text: 'x'.repeat(19) }, 'x'.repeat(20)])?.score).toBe(0.5)
  expect(score('')?.score).toBe(1)
})
