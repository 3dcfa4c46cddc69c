import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoreEfficiency } from '../../../../src/kit/scoring/conduct/efficiency.ts'

const call = (query: string) => ({ tool: 'search', arguments: { query } })

const different = (count: number) => Array.from({ length: count }, (_, at) => call(`question ${at}`))

describe('the efficiency of a trajectory', () => {
  it('is 1 up to the needed calls and decreases linearly to 0 at the budget', () => {
    const options = { needed: 2, budget: 10 }
    const scores = [0, 1, 2, 4, 6, 10, 12].map((count) => scoreEfficiency(different(count), options).score)
    expect(scores).toEqual([1, 1, 1, 0.75, 0.5, 0, 0])
  })

  it('counts a repeated call as needless even within the needed number', () => {
    const { score, reason, parts } = scoreEfficiency([call('a'), call('a')], { needed: 2, budget: 10 })
    expect(score).toBe(1 - 1 / 8)
    expect(reason).toBe('2 calls, 1 needless, 1 of them repeated')
    expect(parts).toEqual({ calls: 2, repeated: 1 })
  })

  it('recognizes a repeated call by its tool and the content of its arguments', () => {
    const options = { needed: 5, budget: 10 }
    const repeated = (one: unknown, other: unknown) =>
      scoreEfficiency(
        [
          { tool: 'cat', arguments: one },
          { tool: 'cat', arguments: other },
        ],
        options,
      ).parts?.['repeated']
    expect(repeated({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toBe(1)
    expect(repeated({ a: 1 }, '{ "a": 1 }')).toBe(1)
    expect(repeated({ a: 1 }, { a: '1' })).toBe(0)
    expect(repeated([1, 2], [2, 1])).toBe(0)
    expect(repeated('not json {', 'not json {')).toBe(1)
    expect(repeated('{not json', '{not json}')).toBe(0)
    const tools = [{ ...call('a'), tool: 'list' }, call('a')]
    expect(scoreEfficiency(tools, options).parts).toEqual({ calls: 2, repeated: 0 })
  })

  it('is 1 or 0 if the budget equals the needed calls', () => {
    expect(scoreEfficiency(different(3), { needed: 3, budget: 3 }).score).toBe(1)
    expect(scoreEfficiency(different(4), { needed: 3, budget: 3 }).score).toBe(0)
  })

  it('rejects invalid options', () => {
    for (const [needed, budget] of [
      [-1, 3],
      [4, 3],
      [1.5, 3],
      [0, Number.NaN],
    ] as const) {
      expect(() => scoreEfficiency([], { needed, budget })).toThrow(RangeError)
    }
  })

  it('accepts arguments of any shape and depth', () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level += 1) deep = [deep]
    expect(scoreEfficiency([{ tool: 'a', arguments: deep }], { needed: 1, budget: 2 }).score).toBe(1)
    fc.assert(
      fc.property(fc.array(fc.record({ tool: fc.string(), arguments: fc.anything() })), (calls) => {
        const { score } = scoreEfficiency(calls, { needed: 2, budget: 8 })
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('never increases with another call', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), fc.constantFrom('a', 'z'), (queries, last) => {
        const options = { needed: 2, budget: 6 }
        const before = scoreEfficiency(queries.map(call), options).score
        expect(scoreEfficiency([...queries, last].map(call), options).score).toBeLessThanOrEqual(before)
      }),
    )
  })
})
