import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { distribution } from '../../../../src/workbench/simulate/distribution.ts'
import { bestOf, summarize } from '../../../../src/workbench/simulate/summary.ts'
import { simulationTable } from '../../../../src/workbench/simulate/table.ts'
import { count, emptyTally } from '../../../../src/workbench/simulate/tally.ts'
import type { RolloutTrace } from '../../../../src/workbench/simulate/trace.ts'

/** All ways to choose k of some numbers. */
function choices(numbers: readonly number[], k: number): number[][] {
  const [first, ...rest] = numbers
  if (k === 0) return [[]]
  if (first === undefined) return []
  return [...choices(rest, k - 1).map((chosen) => [first, ...chosen]), ...choices(rest, k)]
}

describe('the best of k', () => {
  it('is the mean of the best over all ways to choose k', () => {
    const rewards = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 7 })
    fc.assert(
      fc.property(rewards, fc.integer({ min: 1, max: 7 }), (group, k) => {
        const bests = choices(group, k).map((chosen) => Math.max(...chosen))
        const mean = bests.reduce((sum, best) => sum + best, 0) / bests.length
        if (k > group.length) expect(bestOf(group, k)).toBeNaN()
        else expect(bestOf(group, k)).toBeCloseTo(mean, 9)
      }),
    )
  })
})

describe('a distribution', () => {
  it('keeps count, mean and deviation, and each quantile to within one percent', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), { minLength: 1 }), (numbers) => {
        const held = distribution()
        for (const number of numbers) held.add(number)
        const sorted = [...numbers].sort((a, b) => a - b)
        const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length
        expect([held.count, held.mean / mean]).toEqual([numbers.length, expect.closeTo(1, 9)])
        for (const share of [0.01, 0.5, 0.95, 1]) {
          const exact = sorted[Math.max(1, Math.ceil(share * numbers.length)) - 1] ?? Number.NaN
          expect(held.quantile(share) / exact).toBeGreaterThan(0.9999)
          expect(held.quantile(share) / exact).toBeLessThan(1.0101)
        }
      }),
    )
  })

  it('has no quantile without numbers', () => expect(distribution().quantile(0.5)).toBeNaN())
})

const call = {
  call_id: 'c',
  tool: 'search',
  arguments: {},
  status: 200,
  output: 'four',
  ms: 10,
  attempts: 1,
  errors: [],
}
const sent = { ...call, repeats: 0, differences: 0 }
const grading = { status: 200, ms: 5, attempts: 1, errors: [], repeats: 0, differences: 0 }
const trace = (rest: Partial<RolloutTrace>): RolloutTrace => ({
  ...{
    rollout: 'r',
    agent: 'a',
    item: 0,
    item_hash: 'h',
    member: 0,
    outcome: 'scored',
    reward: 1,
    discarded: null,
    output_text: '',
  },
  ...{ output_tokens: 3, input_tokens: 0, steps: 1, calls: [sent], grading, started_at: '', ms: 1 },
  ...rest,
})
const summaryOf = (...traces: readonly RolloutTrace[]) => {
  const tally = emptyTally()
  for (const one of traces) count(tally, one)
  return summarize(tally)
}

describe('the summary of a simulation', () => {
  it('does not count a discarded rollout as a reward of 0', () => {
    const discarded = {
      outcome: 'discarded',
      reward: null,
      discarded: 'the grader answered 422',
      grading: null,
    } as const
    const {
      scored,
      discarded: lost,
      reward,
      discarded_because,
    } = summaryOf(trace({}), trace({ ...discarded, member: 1 }))
    expect([scored, lost, reward.mean, discarded_because]).toEqual([1, 1, 1, { 'the grader answered 422': 1 }])
  })

  it('distinguishes groups with a spread from those whose rollouts all have the same reward', () => {
    const rewards = [[0, 0], [1, 1], [0.5, 0.5], [0, 1], [1]]
    const traces = rewards.flatMap((group, item) => group.map((reward, member) => trace({ item, member, reward })))
    expect(summaryOf(...traces).items).toEqual({
      groups: 4,
      without_spread: 3,
      of_them_at_the_least: 1,
      of_them_at_the_most: 1,
    })
  })

  it('counts a group as all at the minimum, even if every reward is 0', () => {
    const traces = [0, 1].map((member) => trace({ member, reward: 0 }))
    expect(summaryOf(...traces).items).toMatchObject({
      without_spread: 1,
      of_them_at_the_least: 1,
      of_them_at_the_most: 0,
    })
  })

  it('counts retries, repeats, differences and errors by cause, of calls and of gradings', () => {
    const failed = { ...sent, attempts: 3, errors: ['http_503', 'timed_out'] }
    const wrong = { ...sent, status: 401, repeats: 1, differences: 1 }
    const summary = summaryOf(
      trace({ calls: [failed, wrong], grading: { ...grading, attempts: 2, errors: ['http_503'] } }),
    )
    expect(summary.errors).toEqual({ http_503: 2, timed_out: 1, http_401: 1 })
    expect([summary.calls, summary.retries, summary.repeats, summary.differences]).toEqual([2, 3, 1, 1])
  })

  it('shows rewards in ten bars, over a wider range if necessary', () => {
    expect(summaryOf(trace({ reward: 0 }), trace({ reward: 1 }), trace({ reward: 0.05 })).reward.histogram).toEqual({
      from: 0,
      to: 1,
      counts: [2, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    })
    expect(summaryOf(trace({ reward: -3 }), trace({ reward: 2 })).reward.histogram).toMatchObject({ from: -3, to: 2 })
  })

  it('is a table with one column per agent, the best first, and one for all', () => {
    const good = summaryOf(trace({}))
    const bad = summaryOf(trace({ reward: 0.25 }))
    const table = simulationTable(
      new Map([
        ['bad', bad],
        ['good', good],
      ]),
      summaryOf(trace({}), trace({ reward: 0.25 })),
    )
    const line = (name: string) =>
      table
        .split('\n')
        .find((one) => one.startsWith(name))
        ?.slice(24)
        .trim()
        .split(/\s{2,}/)
    expect(table.split('\n')[0]?.trim().split(/\s+/)).toEqual(['good', 'bad', 'all'])
    expect(line('reward, mean')).toEqual(['1.000', '0.250', '0.625'])
    expect(line('calls per rollout')).toEqual(['1.0', '1.0', '1.0'])
    expect(table).toContain('calls by tool: search 2')
  })
})
