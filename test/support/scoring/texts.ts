import fc from 'fast-check'
import { expect } from 'vitest'
import type { Score } from '../../../src/kit/scoring/score.ts'

const word = fc.constantFrom(
  'the',
  'a',
  'fox',
  'Fox',
  'jumps',
  'jumped',
  'lazily',
  'dog',
  'é',
  '😀',
  '東京',
  '14.1%',
  '-',
)

/** Texts that mostly have something in common, and some arbitrary ones, with lone surrogates. */
export const text = fc.oneof(
  fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
  fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.array(fc.nat(0xffff), { maxLength: 10 }).map((units) => String.fromCharCode(...units)),
)

/** Checks what holds for every result of a scorer. */
export const expectValidScore = ({ score, reason, parts }: Score): void => {
  expect(score).toBeGreaterThanOrEqual(0)
  expect(score).toBeLessThanOrEqual(1)
  expect(reason).not.toBe('')
  for (const part of Object.values(parts ?? {})) expect(Number.isFinite(part)).toBe(true)
}

/** Checks for every pair of texts that the score is valid and repeatable. */
export const expectValidScores = (scorer: (candidate: string, reference: string) => Score): void => {
  fc.assert(
    fc.property(text, text, (candidate, reference) => {
      const score = scorer(candidate, reference)
      expectValidScore(score)
      expect(scorer(candidate, reference)).toEqual(score)
    }),
  )
}

export const expectSymmetric = (scorer: (candidate: string, reference: string) => Score): void => {
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(scorer(one, other).score).toBe(scorer(other, one).score)
    }),
  )
}

/** Checks the limit on the length: a longer candidate scores 0, a longer reference throws, texts at the limit are scored. */
export const expectLengthLimit = (scorer: (candidate: string, reference: string) => Score, cap: number): void => {
  const long = 'ab cd'.repeat(cap / 5)
  expect(scorer(long, long).score).toBeGreaterThan(0.99)
  expectValidScore(scorer(long, 'cd ab'.repeat(cap / 5)))
  const { score, reason } = scorer(`${long}.`, 'a reference')
  expect({ score, reason }).toEqual({ score: 0, reason: `longer than ${cap} characters` })
  expect(() => scorer('an answer', `${long}.`)).toThrow(RangeError)
}
