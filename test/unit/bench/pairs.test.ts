import { describe, expect, it } from 'vitest'
import { comparePairs } from '../../../bench/pairs.ts'

describe('two builds in pairs', () => {
  it('are measured in rotating order, and compared within their pair only', async () => {
    const order: string[] = []
    const rates = { old: [100, 50], now: [120, 60], control: [100, 49], bare: [200, 120] }
    const measured = (name: keyof typeof rates) => async () => {
      order.push(name)
      return rates[name].shift() ?? 0
    }
    const builds = { old: measured('old'), now: measured('now'), control: measured('control') }
    const seen = await comparePairs({ ...builds, bare: measured('bare') }, 2)
    expect(order).toEqual(['old', 'now', 'control', 'bare', 'now', 'control', 'bare', 'old'])
    expect(seen.rates).toEqual({ old: [100, 50], now: [120, 60] })
    expect(seen.now).toEqual([1.2, 1.2])
    expect(seen.control).toEqual([1, 0.98])
    expect(seen.ofBare).toEqual([0.6, 0.5])
  })
})
