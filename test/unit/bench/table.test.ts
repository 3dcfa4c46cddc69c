import { describe, expect, it } from 'vitest'
import { createLatencies } from '../../../bench/latencies.ts'
import { measureInRounds } from '../../../bench/rounds.ts'
import { formatAsked, formatHead, formatRow } from '../../../bench/table.ts'

describe('a report', () => {
  it('gives the median of the ratios, between the least and the greatest, below its headings', () => {
    const row = { name: 'grading', rate: 2345.6, ratios: [0.5, 0.4, 0.9], p50: 0.254, p99: 12.34, errors: 0 }
    expect(formatRow(row).split(/\s{2,}/)).toEqual(['grading', '2346', '0.50', '0.40–0.90', '0.25', '12.3', '0'])
    expect(formatHead('bare').indexOf('of bare') + 'of bare'.length).toBe(formatRow(row).indexOf('0.50') + 4)
  })

  it('leaves out what was not measured', () => {
    expect(formatRow({ name: 'added', p50: 0.5 }).split(/\s{2,}/)).toEqual(['added', '0.50'])
  })

  it('says for each target whether it is reached', () => {
    expect(formatAsked({ text: '0.45', reached: true })).toBe('0.45 asked: reached')
    expect(formatAsked({ text: '0.45', reached: false })).toBe('0.45 asked: NOT REACHED')
  })
})

describe('rounds', () => {
  it('compares each measurement with the references just before and just after it', async () => {
    const seen = (rate: number, errors = 0) => ({ rate, latencies: createLatencies(), errors })
    const bare = [100, 200, 400]
    const reference = { id: 'bare', name: 'bare', measure: async () => seen(bare.shift() ?? 0) }
    const hot = { id: 'hot', name: 'hot', measure: async () => seen(75, 1) }
    const all = await measureInRounds(reference, [hot], 2)
    expect(all.get('hot')).toMatchObject({ rate: 75, ratios: [0.5, 0.25], errors: 2 })
    expect(all.get('bare')).toMatchObject({ rate: 300, ratios: [2, 2] })
  })
})
