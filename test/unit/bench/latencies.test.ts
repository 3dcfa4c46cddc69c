import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLatencies, median } from '../../../bench/latencies.ts'

const counted = (times: readonly number[]) => {
  const latencies = createLatencies()
  for (const ms of times) latencies.add(ms)
  return latencies
}

describe('latencies', () => {
  it('gives the time within which a share was answered, at most a hundredth too long', () => {
    const times = fc.array(fc.double({ min: 0.001, max: 600_000, noNaN: true }), { minLength: 1, maxLength: 200 })
    const share = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(times, share, (all, part) => {
        const sorted = all.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil(part * all.length)) - 1] ?? Number.NaN
        const given = counted(all).quantile(part)
        expect(given).toBeGreaterThanOrEqual(exact * (1 - 1e-9))
        expect(given).toBeLessThanOrEqual(exact * 1.01 * (1 + 1e-9))
      }),
    )
  })

  it('takes the slowest of ten for the 99th percentile, and not the slowest of a thousand', () => {
    const oneSlow = (of: number) => counted([...Array.from({ length: of - 1 }, () => 1), 500])
    expect(oneSlow(10).quantile(0.99)).toBeGreaterThan(499)
    expect(oneSlow(1_000).quantile(0.99)).toBeLessThan(1.02)
  })

  it('adds the counts of several processes', () => {
    const both = counted([1, 2, 3])
    both.merge(JSON.parse(JSON.stringify(counted([10, 20, 30]).counts)))
    expect(both.counts).toEqual(counted([1, 2, 3, 10, 20, 30]).counts)
    expect(both.total).toBe(6)
  })

  it('has no percentile when it is empty', () => {
    expect(createLatencies().quantile(0.5)).toBeNaN()
  })
})

describe('the median', () => {
  it('is the middle one, or the mean of the middle two', () => {
    expect(median([30, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 30])).toBe(3)
    expect(median([])).toBeNaN()
  })
})
