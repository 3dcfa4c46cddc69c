import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { advantages, createPolicy } from '../../../../src/workbench/learn/policy.ts'
import { randomFrom } from '../../../../src/workbench/simulate/random.ts'

const choices = { look: ['no', 'once', 'twice'], say: ['this', 'that'] }

describe('a policy', () => {
  it('has only the given preferences at the start', () => {
    const { look, say } = createPolicy(choices, { look: { twice: 2 } }).probabilities()
    expect([look, say]).toEqual([
      { no: expect.closeTo(0.25), once: expect.closeTo(0.25), twice: expect.closeTo(0.5) },
      { this: expect.closeTo(0.5), that: expect.closeTo(0.5) },
    ])
  })

  it('draws each option as often as it is likely, the same for the same seed', () => {
    const policy = createPolicy(choices, { look: { twice: 2 } })
    const drawn = (seed: string) => {
      const random = randomFrom(seed)
      return Array.from({ length: 4_000 }, () => policy.choose(random)['look'])
    }
    const share = (option: string) => drawn('s').filter((one) => one === option).length / 4_000
    expect([share('no'), share('twice')]).toEqual([expect.closeTo(0.25, 1), expect.closeTo(0.5, 1)])
    expect(drawn('s')).toEqual(drawn('s'))
    expect(drawn('s')).not.toEqual(drawn('t'))
  })

  it('makes options likelier that did better than their group, others less likely, and does not change the rest', () => {
    const policy = createPolicy(choices)
    const lesson = (look: string, say: string, advantage: number) => ({ chosen: { look, say }, advantage })
    policy.learn(
      [lesson('once', 'this', 1), lesson('no', 'this', -1), lesson('once', 'that', 1), lesson('no', 'that', -1)],
      1,
    )
    const { look, say } = policy.probabilities()
    expect(look?.['once']).toBeGreaterThan(1 / 3)
    expect(look?.['no']).toBeLessThan(1 / 3)
    expect(say?.['this']).toBeCloseTo(0.5, 9)
  })

  it('keeps likelihoods that add up to 1 and are never negative, whatever it learns', () => {
    const lesson = fc.record({
      chosen: fc.record({ look: fc.constantFrom(...choices.look), say: fc.constantFrom(...choices.say) }),
      advantage: fc.double({ min: -10, max: 10, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(lesson), fc.double({ min: 0, max: 1e3, noNaN: true }), (lessons, rate) => {
        const policy = createPolicy(choices)
        for (let n = 0; n < 5; n += 1) policy.learn(lessons, rate)
        for (const options of Object.values(policy.probabilities())) {
          const likelihoods = Object.values(options)
          expect(likelihoods.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 9)
          expect(Math.min(...likelihoods)).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  it.each([
    [{ only: ['one'] }, {}, 'has 1 options'],
    [choices, { look: { thrice: 2 } }, 'no option "thrice"'],
    [choices, { listen: { once: 2 } }, 'a choice "listen"'],
  ])('refuses invalid choices: %j with %j', (of, likely, message) =>
    expect(() => createPolicy(of, likely)).toThrow(message),
  )
})

describe('advantages', () => {
  it('are the distances of rewards from the mean of their group, in standard deviations', () => {
    expect(advantages([0, 1])).toEqual([-1, 1])
    expect(advantages([1, 2, 3])).toEqual([expect.closeTo(-1.2247, 4), 0, expect.closeTo(1.2247, 4)])
  })

  it('are 0 for a group without a spread, and empty for an empty group', () => {
    expect(advantages([0.1, 0.1, 0.1])).toEqual([0, 0, 0])
    expect(advantages([])).toEqual([])
  })
})
