import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spearman } from '../../../../src/workbench/check-grader/calibration.ts'

const value = fc.integer({ min: 0, max: 5 })
const pairs = fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 20 })

describe('Spearman’s rank correlation', () => {
  it('is that of the textbook, where nothing is tied: 1 − 6Σd²/(n(n²−1))', () => {
    // Hours of television and intelligence quotients: the usual worked example.
    const [quotients, hours] = [
      [106, 100, 86, 101, 99, 103, 97, 113, 112, 110],
      [7, 27, 2, 50, 28, 29, 20, 12, 6, 17],
    ]
    const found = spearman((quotients ?? []).map((quotient, at) => [quotient, hours?.[at] ?? 0]))
    expect(found).toBeCloseTo(-29 / 165, 9)
  })

  it('shares ranks among ties', () => {
    expect(
      spearman([
        [1, 1],
        [1, 2],
        [2, 3],
      ]),
    ).toBeCloseTo(Math.sqrt(3) / 2, 9)
    expect(
      spearman([
        [0, 0],
        [0, 0],
        [1, 1],
      ]),
    ).toBe(1)
  })

  it('is undefined for one pair, or for equal values', () => {
    expect(spearman([])).toBeNaN()
    expect(spearman([[1, 2]])).toBeNaN()
    expect(
      spearman([
        [1, 2],
        [1, 3],
      ]),
    ).toBeNaN()
  })

  it('does not depend on the scale or the order of the pairs, and changes its sign with one side', () => {
    fc.assert(
      fc.property(pairs, (all) => {
        const rho = spearman(all)
        const same = Number.isNaN(rho) ? Number.NaN : expect.closeTo(rho, 9)
        expect(spearman(all.map(([x, y]) => [x ** 3, 10 * y + 7]))).toEqual(same)
        expect(spearman([...all].reverse())).toEqual(same)
        expect(spearman(all.map(([x, y]) => [x, -y]))).toEqual(Number.isNaN(rho) ? Number.NaN : expect.closeTo(-rho, 9))
        if (!Number.isNaN(rho)) expect(Math.abs(rho)).toBeLessThanOrEqual(1 + 1e-9)
      }),
    )
  })
})
