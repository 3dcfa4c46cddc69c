import { describe, expect, it } from 'vitest'
import { createCallMemory } from '../../../src/core/calls/call-memory.ts'

/** The first of a rollout's calls that is looked up, when each has an id of its own. */
function firstLookedUp(budget: number | undefined): number {
  const mustLookUp = createCallMemory(budget)
  const calls = Array.from({ length: 1_000 }, (_, n) => mustLookUp('rollout', { itemHash: 'x', callId: `call-${n}` }))
  return calls.indexOf(true) + 1
}

describe('calls of a rollout are looked up', () => {
  it.each([1, 10, 200])('after a budget of %d calls', (budget) => {
    expect(firstLookedUp(budget)).toBe(budget + 1)
  })

  it.each([201, 100_000, undefined])('after 200 calls with a budget of %s, so that the ids stay few', (budget) => {
    expect(firstLookedUp(budget)).toBe(201)
  })

  it('when an id or another item arrives again', () => {
    const mustLookUp = createCallMemory(100_000)
    const call = { itemHash: 'x', callId: 'a' }
    expect([call, call, { ...call, itemHash: 'y' }].map((each) => mustLookUp('rollout', each))).toEqual([
      false,
      true,
      true,
    ])
  })
})
