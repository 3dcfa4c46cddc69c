import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commonLength } from '../../../../src/kit/scoring/similarity/common-length.ts'

/** The textbook algorithm. */
const slowly = (one: readonly number[], other: readonly number[]): number => {
  let row = [0, ...other.map(() => 0)]
  for (const element of one) {
    const next = [0]
    for (const [at, wanted] of other.entries()) {
      next.push(element === wanted ? (row[at] ?? 0) + 1 : Math.max(row[at + 1] ?? 0, next[at] ?? 0))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

describe('the longest common subsequence', () => {
  it('agrees with the textbook algorithm, for one machine word and for many', () => {
    for (const [most, maxLength] of [
      [3, 40],
      [2, 200],
      [50, 150],
    ] as const) {
      const list = fc.array(fc.nat(most), { maxLength, size: 'max' })
      fc.assert(
        fc.property(list, list, (one, other) => {
          expect(commonLength(one, other)).toBe(slowly(one, other))
        }),
      )
    }
  })

  it('is the whole list for equal lists, and empty for an empty list', () => {
    expect(commonLength([1, 2, 2], [1, 2, 2])).toBe(3)
    expect(commonLength([], [1])).toBe(0)
    expect(commonLength([], [])).toBe(0)
  })

  it('uses little memory if all elements are distinct', () => {
    const list = Array.from({ length: 30_000 }, (_, at) => at)
    expect(commonLength(list, [...list].reverse())).toBe(1)
    expect(commonLength([...list, -1], [-1, ...list])).toBe(30_000)
  })
})
