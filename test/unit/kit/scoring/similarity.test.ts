import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commonLength } from '../../../../src/kit/scoring/similarity/common-length.ts'
import { scoreRatio, scoreWRatio } from '../../../../src/kit/scoring/similarity/similarity.ts'
import { bestWindow, partRatio } from '../../../../src/kit/scoring/similarity/word-ratios.ts'
import { goldenRows } from '../../../support/scoring/golden-texts.ts'
import { expectLengthLimit, expectSymmetric, expectValidScores, text } from '../../../support/scoring/texts.ts'

describe('the ratio of two texts', () => {
  it('agrees with RapidFuzz', () => {
    for (const { candidate, reference, ratio } of goldenRows) {
      expect(scoreRatio(candidate, reference).score, `${candidate} | ${reference}`).toBeCloseTo(ratio, 6)
    }
  })

  it('is a proper score for all texts, symmetric, and bounded for long ones', () => {
    expectValidScores(scoreRatio)
    expectSymmetric(scoreRatio)
    expectLengthLimit(scoreRatio, 30_000)
  })

  it('is 1 only for equal texts', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(scoreRatio(one, one).score).toBe(1)
        expect(scoreRatio(one, other).score === 1).toBe(one === other)
      }),
    )
  })

  it('counts code points, not UTF-16 units', () => {
    expect(scoreRatio('😀', '😃').score).toBe(0)
    expect(scoreRatio('bear', 'beer')).toEqual({
      score: 0.75,
      reason: "3 characters in common, of 4 and the reference's 4",
      parts: { common: 3 },
    })
  })
})

describe('the ratio of two texts in any order', () => {
  it("agrees with RapidFuzz's WRatio", () => {
    for (const { candidate, reference, wRatio } of goldenRows) {
      expect(scoreWRatio(candidate, reference).score, `${candidate} | ${reference}`).toBeCloseTo(wRatio, 6)
    }
  })

  it('is a proper score for all texts, symmetric, and bounded for long ones', () => {
    expectValidScores(scoreWRatio)
    expectSymmetric(scoreWRatio)
    expectLengthLimit(scoreWRatio, 5_000)
  })

  it('is 1 for equal texts that are not empty, and at least the plain ratio', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        fc.pre(one !== '' && other !== '')
        expect(scoreWRatio(one, one).score).toBe(1)
        expect(scoreWRatio(one, other).score).toBeGreaterThanOrEqual(scoreRatio(one, other).score)
      }),
    )
    expect(scoreWRatio('', '').score).toBe(0)
  })

  it('reports which comparison gave it', () => {
    expect(scoreWRatio('mets vs braves', 'braves vs mets')).toMatchObject({
      score: 0.95,
      reason: 'most similar in the words, in any order',
      parts: { words: 0.95 },
    })
    expect(scoreWRatio('klmnop', 'abcdefghij klmnop').reason).toBe('most similar in a part')
    expect(scoreWRatio('klmnop', 'klmnoq').reason).toBe('most similar as a whole')
    expect(scoreWRatio('x', 'y').reason).toBe('nothing in common')
  })
})

describe('the most similar part of a list', () => {
  it('is the best of all parts', () => {
    const list = fc.array(fc.nat(3), { minLength: 1, maxLength: 14 })
    fc.assert(
      fc.property(list, list, (one, other) => {
        const [shorter, longer] = one.length <= other.length ? [one, other] : [other, one]
        const width = shorter.length
        const parts = Array.from({ length: longer.length + width - 1 }, (_, at) =>
          longer.slice(Math.max(0, at + 1 - width), at + 1),
        )
        const ratios = parts.map((part) => (2 * commonLength(shorter, part)) / (width + part.length))
        expect(bestWindow(shorter, longer)).toBe(Math.max(...ratios))
      }),
    )
  })

  it('is a contained text itself, and empty for an empty list', () => {
    fc.assert(
      fc.property(text, text, text, (before, within, after) => {
        fc.pre(within !== '')
        expect(partRatio(within, `${before} ${within} ${after}`)).toBe(1)
      }),
    )
    expect([partRatio('', 'a'), partRatio('a', ''), partRatio('', '')]).toEqual([0, 0, 1])
  })
})
