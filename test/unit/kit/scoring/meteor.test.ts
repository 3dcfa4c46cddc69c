import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoreMeteor } from '../../../../src/kit/scoring/similarity/meteor.ts'
import { goldenRows } from '../../../support/scoring/golden-texts.ts'
import { expectLengthLimit, expectValidScores, text } from '../../../support/scoring/texts.ts'

describe('METEOR', () => {
  it('agrees with NLTK without WordNet', () => {
    for (const { candidate, reference, meteor } of goldenRows) {
      expect(scoreMeteor(candidate, reference).score, `${candidate} | ${reference}`).toBeCloseTo(meteor, 5)
    }
  })

  it('is a valid score for all texts, and limits their length', () => {
    expectValidScores(scoreMeteor)
    expectLengthLimit(scoreMeteor, 200_000)
  })

  it('is 1 − 0.5/n³ for an equal text of n distinct words', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 20 }), (numbers) => {
        const same = numbers.join(' ')
        expect(scoreMeteor(same, same).score).toBeCloseTo(1 - 0.5 / numbers.length ** 3, 12)
      }),
    )
  })

  it('ignores the case of ASCII letters', () => {
    fc.assert(
      fc.property(text, (candidate) => {
        const reference = 'the fox jumps'
        expect(scoreMeteor(candidate, reference.toUpperCase())).toEqual(scoreMeteor(candidate, reference))
      }),
    )
  })

  it('reports the number of matched words and of chunks', () => {
    expect(scoreMeteor('dogs chase carefully the cat', 'the cat chased a careful dog')).toMatchObject({
      reason: "5 of 5 words are among the reference's 6, in 4 chunks",
      parts: { precision: 1, recall: 5 / 6, chunks: 4 },
    })
    expect(scoreMeteor('', 'a')).toMatchObject({ score: 0, reason: 'no word in common' })
  })
})
