import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoreBleu, scoreGleu } from '../../../../src/kit/scoring/similarity/overlap.ts'
import { countGrams } from '../../../../src/kit/scoring/similarity/words.ts'
import { goldenRows } from '../../../support/scoring/golden-texts.ts'
import { expectLengthLimit, expectSymmetric, expectValidScores, text } from '../../../support/scoring/texts.ts'

describe('BLEU', () => {
  it('agrees with NLTK', () => {
    for (const { candidate, reference, bleu } of goldenRows) {
      expect(scoreBleu(candidate, reference).score, `${candidate} | ${reference}`).toBeCloseTo(bleu, 5)
    }
  })

  it('is a valid score for all texts, and limits their length', () => {
    expectValidScores(scoreBleu)
    expectLengthLimit(scoreBleu, 200_000)
  })

  it('is 1 for an equal text of four words or more, and 0 for a shorter one', () => {
    fc.assert(
      fc.property(text, (same) => {
        const words = same.split(/\s+/u).filter((word) => word !== '').length
        fc.pre(words >= 6)
        expect(scoreBleu(same, same).score).toBe(1)
      }),
    )
    expect(scoreBleu('three short words', 'three short words')).toMatchObject({
      score: 0,
      reason: 'no 4 words in a row agree',
    })
  })

  it('penalizes brevity and reports its parts', () => {
    const { score, reason, parts } = scoreBleu('one two three four', 'one two three four five')
    expect(score).toBeCloseTo(Math.exp(-1 / 4), 12)
    expect(reason).toBe('4 words in a row agree; 4 words where the reference has 5')
    expect(parts).toEqual({ precision1: 1, precision2: 1, precision3: 1, precision4: 1, brevity: Math.exp(-1 / 4) })
  })
})

describe('GLEU', () => {
  it('agrees with NLTK', () => {
    for (const { candidate, reference, gleu } of goldenRows) {
      expect(scoreGleu(candidate, reference).score, `${candidate} | ${reference}`).toBeCloseTo(gleu, 5)
    }
  })

  it('is a valid, symmetric score for all texts, and limits their length', () => {
    expectValidScores(scoreGleu)
    expectSymmetric(scoreGleu)
    expectLengthLimit(scoreGleu, 200_000)
  })

  it('is 1 for an equal text of at least one word', () => {
    fc.assert(
      fc.property(text, (words) => {
        expect(scoreGleu(`x ${words}`, `x ${words}`).score).toBe(1)
      }),
    )
    expect(scoreGleu('', '').score).toBe(0)
  })
})

it('counts the n-grams that two lists share, with multiplicity', () => {
  expect(countGrams(['a', 'a', 'b'], ['a', 'b', 'a', 'a'], 3)).toEqual([
    { shared: 3, candidate: 3, reference: 4 },
    { shared: 2, candidate: 2, reference: 3 },
    { shared: 0, candidate: 1, reference: 2 },
  ])
  expect(countGrams([], ['a'], 2).at(1)).toEqual({ shared: 0, candidate: 0, reference: 0 })
})
