import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type RougeKind, scoreRouge } from '../../../../src/kit/scoring/similarity/overlap.ts'
import { goldenRows } from '../../../support/scoring/golden-texts.ts'
import { expectLengthLimit, expectSymmetric, expectValidScores, text } from '../../../support/scoring/texts.ts'

const kinds = [1, 2, 3, 4, 5, 'L'] as const satisfies readonly RougeKind[]

describe.each(kinds)('ROUGE-%s', (kind) => {
  const scorer = (candidate: string, reference: string) => scoreRouge(candidate, reference, kind)

  it('agrees with rouge-score', () => {
    for (const { candidate, reference, rouge } of goldenRows) {
      expect(scorer(candidate, reference).score, `${candidate} | ${reference}`).toBeCloseTo(
        rouge[kinds.indexOf(kind)] ?? Number.NaN,
        5,
      )
    }
  })

  it('is a valid, symmetric score for all texts, and limits their length', () => {
    expectValidScores(scorer)
    expectSymmetric(scorer)
    expectLengthLimit(scorer, kind === 'L' ? 30_000 : 200_000)
  })

  it('is 1 for an equal text that is long enough', () => {
    const prefix = 'five words of plain letters'
    fc.assert(
      fc.property(text, (rest) => {
        expect(scorer(`${prefix} ${rest}`, `${prefix} ${rest}`).score).toBe(1)
      }),
    )
  })
})

it('reports what is in common', () => {
  expect(scoreRouge('the fox jumps', 'The fox, it jumps!', 'L')).toEqual({
    score: 6 / 7,
    reason: '3 words in the same order in common; 3 in the answer, 4 in the reference',
    parts: { precision: 1, recall: 3 / 4 },
  })
  expect(scoreRouge('東京', '東京', 1).score).toBe(0)
})
