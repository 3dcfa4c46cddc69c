import { describe, expect, it } from 'vitest'
import { readOptions } from '../../../chaos/options.ts'
import { describeFault, faultKinds, kindsOf, sandboxFaultKinds, scheduleOf } from '../../../chaos/schedule.ts'
import { planOf } from '../../../chaos/trainer/plan.ts'

const kinds = Object.keys(faultKinds).sort()

describe('the schedule of a chaos run', () => {
  it('is the same for the same seed and differs for another', () => {
    expect(scheduleOf('7', 10, 3)).toEqual(scheduleOf('7', 10, 3))
    expect(scheduleOf('8', 10, 3)).not.toEqual(scheduleOf('7', 10, 3))
  })

  it.each([0.4, 1, 10])('has each kind of fault within %d minutes, in order of time', (minutes) => {
    const faults = scheduleOf('7', minutes, 3)
    expect([...new Set(faults.map(({ kind }) => kind))].sort()).toEqual(kinds)
    const times = faults.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBeLessThanOrEqual(minutes * 60)
    for (const { replica } of faults) expect([0, 1, 2]).toContain(replica)
  })

  it('has the faults of sandboxes in a run with sandboxes, and not in another', () => {
    const faults = scheduleOf('7', 1.5, 3, kindsOf({ sandboxes: true }))
    const all = [...kinds, ...Object.keys(sandboxFaultKinds)].sort()
    expect([...new Set(faults.map(({ kind }) => kind))].sort()).toEqual(all)
    expect(scheduleOf('7', 10, 3, kindsOf({ sandboxes: false }))).toEqual(scheduleOf('7', 10, 3))
  })

  it('can be read', () => {
    const fault = { at: 12.34, lasts: 2, replica: 1, ms: 50 }
    expect(describeFault({ ...fault, kind: 'kill a replica' })).toBe('   12.3 s  kill a replica 1, 2.0 s')
    expect(describeFault({ ...fault, kind: 'add latency' })).toBe('   12.3 s  add latency of 50 ms, 2.0 s')
  })
})

describe('the plan of a rollout', () => {
  it('is the same for the same seed and differs for another', () => {
    expect(planOf('7', 3)).toEqual(planOf('7', 3))
    expect(planOf('8', 3).uses).not.toEqual(planOf('7', 3).uses)
  })

  it('is sometimes forty calls at once, and of every tool and behaviour', () => {
    const uses = Array.from({ length: 500 }, (_, number) => planOf('7', number)).flatMap((plan) => plan.uses)
    expect(uses.some(({ turns }) => turns[0]?.length === 40)).toBe(true)
    const calls = uses.flatMap(({ turns }) => turns.flat())
    expect([...new Set(calls.map(({ tool }) => tool))].sort()).toEqual(['act', 'look', 'nothing', 'write'])
    const behaviours = ['broken', 'deaf', 'flaky', 'hanging', 'plain', 'refusing', 'slow']
    expect([...new Set(calls.map(({ behaviour }) => behaviour))].sort()).toEqual(behaviours)
  })
})

describe('the plan of a rollout in a run with sandboxes', () => {
  const plans = Array.from({ length: 300 }, (_, number) => planOf('7', number, 0, true))
  const isBoxed = ({ uses }: (typeof plans)[number]) => uses.every(({ boxed }) => boxed)

  it('is that of a run without, or uses a sandbox and ends soon', () => {
    for (const [number, plan] of plans.entries()) {
      if (isBoxed(plan)) expect(plan.ending).not.toBe('left')
      else expect(plan).toEqual(planOf('7', number))
    }
    expect(plans.filter(isBoxed).length).toBeGreaterThan(60)
  })

  it('repeats the calls of the attempt before where it says so', () => {
    const repeated = plans.flatMap(({ uses }) =>
      uses.flatMap((use, nth) =>
        use.follows === 'the same again' ? [[use.turns, uses[nth - 1]?.turns] as const] : [],
      ),
    )
    expect(repeated.length).toBeGreaterThan(10)
    for (const [turns, before] of repeated) expect(turns).toEqual(before)
  })
})

describe('the options of a chaos run', () => {
  it('have defaults', () => {
    expect(readOptions([])).toEqual({
      minutes: 1,
      seed: '1',
      replicas: 3,
      burst: 500,
      pgbouncer: false,
      sandboxes: false,
    })
  })

  it('are refused with the reason', () => {
    expect(() => readOptions(['--minutes', 'ten'])).toThrow('--minutes: must be a number')
    expect(() => readOptions(['--replicas', '1'])).toThrow('--replicas')
    expect(() => readOptions(['--hours', '1'])).toThrow('--hours')
  })
})
