import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoreBudget, scoreErrorsAnswered } from '../../../../src/kit/scoring/conduct/conduct.ts'
import { scoreNotUsed, scoreRead, scoreUsed, scoreUsedInOrder } from '../../../../src/kit/scoring/conduct/tool-use.ts'
import type { ScoredCall } from '../../../../src/kit/trajectory.ts'
import { expectValidScore } from '../../../support/scoring/texts.ts'

const call = (tool: string, args: unknown = {}, outcome: ScoredCall['outcome'] = 'ok'): ScoredCall => ({
  tool,
  arguments: args,
  outcome,
  output: '',
})

const trajectory = [
  call('search', { query: 'revenue' }),
  call('cat', { path: 'a' }, 'refused'),
  call('cat', '{"path":"b","page":2}'),
  call('list', {}, 'refused'),
]

describe('the calls of a trajectory', () => {
  it('are compared with the expected ones', () => {
    expect(scoreUsed(trajectory, [{ tool: 'search' }, { arguments: { path: 'b' } }])).toEqual({
      score: 1,
      reason: '2 of 2 expected calls',
      parts: { found: 2, wanted: 2 },
    })
    expect(scoreUsed(trajectory, [{ tool: 'search' }, { tool: 'cat', arguments: { path: 'a' } }])).toMatchObject({
      score: 0.5,
      reason: '1 of 2 expected calls, not cat with {"path":"a"}',
    })
    expect(() => scoreUsed(trajectory, [])).toThrow(RangeError)
  })

  it('are compared with the forbidden ones, including refused attempts', () => {
    expect(scoreNotUsed(trajectory, [{ tool: 'delete' }])).toMatchObject({ score: 1, reason: 'no forbidden call' })
    expect(scoreNotUsed(trajectory, [{ tool: 'list' }, { arguments: { path: 'b' } }])).toEqual({
      score: 0,
      reason: '2 forbidden, the first of cat',
      parts: { calls: 2 },
    })
    expect(scoreNotUsed([], [{}]).score).toBe(1)
    expect(scoreNotUsed(trajectory, []).score).toBe(1)
  })

  it('are compared with steps in order, with other calls in between', () => {
    const order = (made: string, ...steps: string[]) =>
      scoreUsedInOrder(
        [...made].map((tool) => call(tool)),
        steps.map((tool) => ({ tool })),
      ).score
    expect(order('xaybz', 'a', 'b')).toBe(1)
    expect(order('ba', 'a', 'b')).toBe(0.5)
    expect(order('bc', 'a', 'b', 'c', 'd')).toBe(0.5)
    expect(order('a', 'a', 'a')).toBe(0.5)
    expect(order('', 'a')).toBe(0)
    expect(scoreUsedInOrder(trajectory, [{ tool: 'search' }, { tool: 'cat' }, { tool: 'list' }])).toMatchObject({
      reason: '2 of 3 steps taken in order',
    })
    for (const count of [0, 101]) expect(() => scoreUsedInOrder([], Array(count).fill({}))).toThrow(RangeError)
  })

  it('show which documents were read', () => {
    expect(scoreRead(trajectory, ['a', 'b'], { tool: 'cat', argument: 'path' })).toEqual({
      score: 0.5,
      reason: '1 of 2 documents read',
      parts: { found: 1, wanted: 2 },
    })
    expect(() => scoreRead(trajectory, [], { tool: 'cat', argument: 'path' })).toThrow(RangeError)
  })
})

describe('the conduct of a trajectory', () => {
  it('is compared with a budget', () => {
    expect(scoreBudget(trajectory, { calls: 4, tools: { cat: 2, other: 0 } })).toEqual({
      score: 1,
      reason: 'within budget',
      parts: { calls: 4, beyond: 0 },
    })
    expect(scoreBudget(trajectory, { calls: 4, tools: { cat: 0 } })).toEqual({
      score: 0,
      reason: '2 calls of cat where 0 are allowed',
      parts: { calls: 4, beyond: 2 },
    })
    expect(scoreBudget(trajectory, { calls: 3 }).reason).toBe('4 calls where 3 are allowed')
    expect(scoreBudget([], { calls: 0 }).score).toBe(1)
    expect(scoreBudget(trajectory, {}).score).toBe(1)
    for (const calls of [-1, 1.5, Number.NaN]) expect(() => scoreBudget([], { calls })).toThrow(RangeError)
  })

  it('is scored by the share of answered errors', () => {
    expect(scoreErrorsAnswered(trajectory)).toEqual({
      score: 0.5,
      reason: '1 of 2 errors unanswered, of list',
      parts: { errors: 2, unanswered: 1 },
    })
    expect(scoreErrorsAnswered(trajectory.slice(0, 3))).toMatchObject({ score: 1, reason: '1 error, all answered' })
    expect(scoreErrorsAnswered([call('cat'), call('cat', {}, 'refused')]).score).toBe(0)
    expect(scoreErrorsAnswered([])).toMatchObject({ score: 1, reason: 'no error' })
  })
})

it('gives valid scores for every trajectory', () => {
  const calls = fc.array(
    fc.record({
      tool: fc.constantFrom('search', 'cat', '__proto__'),
      arguments: fc.oneof(fc.anything(), fc.constant({ path: 'a' })),
      outcome: fc.constantFrom<ScoredCall['outcome'][]>('ok', 'refused', 'failed'),
      output: fc.string(),
    }),
  )
  const pattern = fc.constantFrom({ tool: 'cat' }, { arguments: { path: 'a' } }, { tool: '__proto__' }, {})
  fc.assert(
    fc.property(calls, fc.array(pattern, { minLength: 1, maxLength: 5 }), (made, patterns) => {
      const inOrder = scoreUsedInOrder(made, patterns)
      const scores = [scoreUsed(made, patterns), inOrder, scoreNotUsed(made, patterns), scoreErrorsAnswered(made)]
      for (const score of [...scores, scoreBudget(made, { calls: 3 })]) expectValidScore(score)
      expect(scoreUsedInOrder([...made, ...made], patterns).score).toBeGreaterThanOrEqual(inOrder.score)
    }),
  )
})
