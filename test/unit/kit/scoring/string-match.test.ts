import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findText, scoreExact, scoreIlike, scoreLike } from '../../../../src/kit/scoring/string-match.ts'
import { expectValidScores, text } from '../../../support/scoring/texts.ts'

describe('string_check', () => {
  it.each([
    ['Paris', 'Paris', 1, 1, 1],
    ['Paris', 'paris', 0, 0, 1],
    ['It is Paris.', 'Paris', 0, 1, 1],
    ['It is PARIS.', 'Paris', 0, 0, 1],
    ['Paris', 'It is Paris.', 0, 0, 0],
    ['', '', 1, 1, 1],
    ['', 'Paris', 0, 0, 0],
    ['Paris', '', 0, 1, 1],
    [' Paris', 'Paris', 0, 1, 1],
    ['ÉCOLE', 'école', 0, 0, 1],
  ])('%j against %j: eq %i, like %i, ilike %i', (candidate, reference, exact, like, ilike) => {
    expect(scoreExact(candidate, reference).score).toBe(exact)
    expect(scoreLike(candidate, reference).score).toBe(like)
    expect(scoreIlike(candidate, reference).score).toBe(ilike)
  })

  it('is a valid score for all texts', () => {
    for (const scorer of [scoreExact, scoreLike, scoreIlike]) expectValidScores(scorer)
  })

  it('is 1 for equal texts; `eq` implies `like`, and `like` implies `ilike`', () => {
    fc.assert(
      fc.property(text, text, (candidate, reference) => {
        expect(scoreExact(candidate, candidate).score).toBe(1)
        expect(scoreLike(candidate, reference).score).toBeGreaterThanOrEqual(scoreExact(candidate, reference).score)
        expect(scoreLike(`${candidate}${reference}`, reference).score).toBe(1)
      }),
    )
  })
})

describe('finding a text in another', () => {
  it('agrees with String.indexOf', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 30 })
    const wanted = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 })
    fc.assert(
      fc.property(letters, wanted, (within, some) => void expect(findText(within, some)).toBe(within.indexOf(some))),
    )
    fc.assert(fc.property(text, text, (within, some) => void expect(findText(within, some)).toBe(within.indexOf(some))))
  })

  it('finds the first accepted occurrence among overlapping ones', () => {
    expect(findText('aaaaaa', 'aa', (start) => start === 3)).toBe(3)
    expect(findText('aaaaaa', 'aa', () => false)).toBe(-1)
  })

  it('is linear for texts that would take a naive search quadratic time', () => {
    const wanted = `b${'a'.repeat(499_999)}`
    expect(findText('a'.repeat(1_000_000), wanted)).toBe(-1)
    expect(scoreLike('a'.repeat(1_000_000) + wanted, wanted).score).toBe(1)
  })
})
