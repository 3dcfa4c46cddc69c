import { describe, expect, it } from 'vitest'
import { adviceOf, titleOf } from '../../../src/dashboard/alarms/advice.ts'
import { judgeRun, nextAlarms, type Verdict, verdictOf } from '../../../src/dashboard/alarms/evaluate.ts'
import { type RunHistory, windowsOf } from '../../../src/dashboard/alarms/history.ts'
import { runRules } from '../../../src/dashboard/alarms/rules.ts'
import { axisOf } from '../../../src/dashboard/curves.ts'
import { historyOf, type SyntheticBurst } from '../../support/rollups/synthetic.ts'

/** From one value to another over bursts 10 to 40. */
const ramp = (from: number, to: number) => (at: number) => from + (to - from) * Math.min(1, Math.max(0, (at - 10) / 30))
const late = (at: number) => at >= 34

const alarmsOf = (history: RunHistory) =>
  judgeRun('run', history).flatMap(({ state, name, level }) => (state === 'alarm' ? [`${name} ${level}`] : []))

const quiet = (history: RunHistory) =>
  judgeRun('run', history)
    .filter(({ state }) => state !== 'alarm')
    .map(({ name }) => name)

interface Case {
  readonly name: string
  readonly fires: (at: number) => SyntheticBurst
  readonly level?: 'warn' | 'page'
  readonly not: (at: number) => SyntheticBurst
}

/** For each alarm a history on which it begins, and a similar one on which it must not. */
const cases: readonly Case[] = [
  { name: 'no_score', fires: (at) => ({ lost: late(at) ? 4 : 0 }), level: 'warn', not: () => ({ lost: 1 }) },
  { name: 'no_score', fires: (at) => ({ lost: late(at) ? 60 : 0 }), level: 'page', not: () => ({ lost: 0 }) },
  {
    name: 'no_score',
    fires: (at) => ({ ungradable: late(at) ? 30 : 0 }),
    level: 'page',
    not: (at) => ({ ungradable: late(at) ? 1 : 0 }),
  },
  { name: 'failed_calls', fires: (at) => ({ failedCalls: late(at) ? 20 : 0 }), not: () => ({ failedCalls: 4 }) },
  {
    name: 'reward_without_work',
    fires: (at) => ({ reward: ramp(0.5, 0.7)(at), parts: { answer: ramp(0.5, 0.4)(at) } }),
    level: 'page',
    not: (at) => ({ reward: ramp(0.5, 0.7)(at), parts: { answer: ramp(0.5, 0.7)(at) } }),
  },
  {
    name: 'reward_without_work',
    fires: (at) => ({ reward: ramp(0.5, 0.7)(at), parts: { answer: 0.5 } }),
    level: 'page',
    not: () => ({ reward: 0.5, parts: { answer: 0.5 } }),
  },
  {
    name: 'parts_diverge',
    fires: (at) => ({ parts: { answer: ramp(0.6, 0.3)(at), short: ramp(0.3, 0.9)(at) } }),
    not: (at) => ({ parts: { answer: ramp(0.3, 0.6)(at), short: ramp(0.3, 0.9)(at) } }),
  },
  { name: 'no_spread', fires: (at) => ({ flat: late(at) ? 15 : 5 }), level: 'warn', not: () => ({ flat: 10 }) },
  { name: 'no_spread', fires: (at) => ({ flat: late(at) ? 24 : 5 }), level: 'page', not: () => ({ flat: 12 }) },
  { name: 'ceiling', fires: (at) => ({ reward: late(at) ? 0.97 : 0.6 }), not: () => ({ reward: 0.9 }) },
  // Questions of yes and no have the same answers from the beginning.
  { name: 'same_answer', fires: (at) => ({ sameAnswer: late(at) ? 10 : 1 }), not: () => ({ sameAnswer: 10 }) },
  {
    name: 'fewer_calls',
    fires: (at) => ({ calls: late(at) ? 2 : 6, parts: { answer: 0.5 } }),
    // Fewer calls and a rising trusted part is success.
    not: (at) => ({ calls: late(at) ? 2 : 6, parts: { answer: ramp(0.4, 0.8)(at) } }),
  },
  {
    name: 'long_answers',
    fires: (at) => ({ characters: late(at) ? 400 : 120 }),
    not: (at) => ({ characters: ramp(100, 130)(at) }),
  },
  // Answers that were as long from the beginning do not count.
  { name: 'long_answers', fires: (at) => ({ characters: ramp(50, 900)(at) }), not: () => ({ characters: 900 }) },
  { name: 'repetitive_answers', fires: (at) => ({ ratio: late(at) ? 14 : 2 }), not: () => ({ ratio: 4 }) },
  { name: 'jump', fires: (at) => ({ reward: at >= 37 ? 0.2 : 0.5 }), not: () => ({ reward: 0.5 }) },
  { name: 'jump', fires: (at) => ({ reward: at >= 37 ? 0.8 : 0.5 }), not: (at) => ({ reward: ramp(0.3, 0.8)(at) }) },
  {
    name: 'overfit',
    fires: (at) => (at % 5 === 4 ? { isValidation: true, reward: ramp(0.6, 0.3)(at) } : { reward: ramp(0.4, 0.8)(at) }),
    not: (at) => (at % 5 === 4 ? { isValidation: true, reward: ramp(0.3, 0.6)(at) } : { reward: ramp(0.4, 0.8)(at) }),
  },
  { name: 'budget', fires: (at) => ({ exhausted: late(at) ? 120 : 5 }), not: () => ({ exhausted: 30 }) },
]

describe('an alarm', () => {
  it.each(cases.map((one, n) => [`${one.name} (${n})`, one] as const))(
    '%s begins on its history, and not on a similar one',
    (_, one) => {
      const fired = alarmsOf(historyOf(40, one.fires))
      expect(fired).toContain(`${one.name} ${one.level ?? 'warn'}`)
      expect(quiet(historyOf(40, one.not))).toContain(one.name)
    },
  )

  it('has histories for each rule of a run', () => {
    expect(new Set(cases.map(({ name }) => name))).toEqual(new Set(runRules.map(({ name }) => name)))
  })

  it.each(runRules.map(({ name }) => name))('%s has no data where the windows have too few rollouts', (name) => {
    const validations = (at: number) => ({ rollouts: 1, isValidation: at % 5 === 4 })
    for (const burst of [() => ({ rollouts: 1, lost: 1 }), validations]) {
      const verdict = judgeRun('run', historyOf(40, burst)).find((one) => one.name === name)
      expect([name, verdict?.state]).toEqual([name, 'no data'])
    }
  })

  it.each(cases.map((one, n) => [`${one.name} (${n})`, one] as const))(
    '%s does not begin when its rule held in the earlier window only',
    (_, one) => {
      const rule = runRules.find(({ name }) => name === one.name)
      const [latest, earlier] = windowsOf(historyOf(40, one.fires)).map((window) => window && rule?.find(window))
      const [fine] = windowsOf(historyOf(40, one.not)).map((window) => window && rule?.find(window))
      if (latest === undefined || earlier === undefined || fine === undefined) throw new Error('no window')
      expect(verdictOf('run', one.name, latest, earlier).state).toBe('alarm')
      expect(verdictOf('run', one.name, latest, fine).state).toBe('unsure')
      expect(verdictOf('run', one.name, fine, earlier).state).toBe('unsure')
      expect(verdictOf('run', one.name, { state: 'no data' }, earlier).state).toBe('no data')
    },
  )

  it('is a page when both windows are, and a warning when one of them is', () => {
    const found = (level: 'warn' | 'page') => ({ state: 'alarm', level, seen: level }) as const
    const level = (latest: 'warn' | 'page', earlier: 'warn' | 'page') =>
      verdictOf('run', 'no_score', found(latest), found(earlier)).level
    expect([level('page', 'page'), level('page', 'warn'), level('warn', 'page')]).toEqual(['page', 'warn', 'warn'])
  })

  it('looks at five bursts or visits, and at ten minutes where there are neither', () => {
    const history = historyOf(40, () => ({}))
    const sizes = (['burst', 'visit', 'minute'] as const).map((axis) =>
      windowsOf({ ...history, axis }).map((window) => window?.points.length),
    )
    expect(sizes).toEqual([
      [5, 5],
      [5, 5],
      [10, 10],
    ])
    const bursts = (minutes: number) =>
      history.training.map((point) => ({ ...point, last_at: point.first_at + minutes * 60_000 }))
    expect(axisOf(bursts(30), bursts(1))).toBe('burst')
    expect(axisOf(bursts(31), bursts(1))).toBe('visit')
    expect(axisOf(bursts(31), bursts(1).slice(0, 2))).toBe('minute')
  })

  it('does not begin in a healthy run, whose reward rises with the work', () => {
    const history = historyOf(60, (at) => ({
      reward: ramp(0.3, 0.7)(at),
      parts: { answer: ramp(0.3, 0.7)(at), short: 0.9 },
    }))
    expect(alarmsOf(history)).toEqual([])
  })

  it('has no data in a run that has just begun, or that has too few rollouts', () => {
    expect(
      new Set(
        judgeRun(
          'run',
          historyOf(0, () => ({})),
        ).map(({ state }) => state),
      ),
    ).toEqual(new Set(['no data']))
    const small = judgeRun(
      'run',
      historyOf(3, () => ({ rollouts: 8, lost: 8, flat: 1, exhausted: 8 })),
    )
    expect(small.filter(({ state }) => state === 'alarm')).toEqual([])
    expect(small.find(({ name }) => name === 'no_score')?.state).toBe('no data')
  })

  it('has no data about the trusted part where the environment names none', () => {
    const history = historyOf(40, (at) => ({ reward: ramp(0.5, 0.8)(at) }), { trusted: undefined })
    expect(
      judgeRun('run', { ...history, trusted: undefined }).find(({ name }) => name === 'reward_without_work')?.state,
    ).toBe('no data')
  })

  it('begins with the second window, not with one bad burst', () => {
    const once = historyOf(40, (at) => ({ lost: at === 39 ? 100 : 0 }))
    expect(judgeRun('run', once).find(({ name }) => name === 'no_score')?.state).toBe('unsure')
    expect(alarmsOf(once)).toEqual([])
  })

  it('begins within minutes of an outage, in the first burst of a run', () => {
    const history = historyOf(1, () => ({ lost: 150 }))
    const [point] = history.training
    if (point === undefined) throw new Error('no burst')
    const minute = Math.floor(history.now / 60_000)
    const minutes = [minute - 3, minute - 2].map((bucket) => ({ ...point, bucket }))
    expect(alarmsOf(history)).toEqual([])
    expect(alarmsOf({ ...history, minutes })).toEqual(['no_score page'])
    expect(alarmsOf({ ...history, minutes: minutes.map((one) => ({ ...one, bucket: one.bucket - 20 })) })).toEqual([])
  })

  it('begins when a run that came regularly stops, and ends when it comes again or is over for hours', () => {
    const stateAfter = (quietMs: number) =>
      judgeRun(
        'run',
        historyOf(20, () => ({}), { quietMs }),
      ).find(({ name }) => name === 'silence')?.state
    expect(stateAfter(60_000)).toBe('ok')
    expect(stateAfter(14 * 60_000)).toBe('ok')
    expect(stateAfter(20 * 60_000)).toBe('alarm')
    expect(stateAfter(7 * 3_600_000)).toBe('ok')
  })

  it('has a title, advice and a page to open', () => {
    for (const { name } of [...runRules, { name: 'silence' }, { name: 'behind' }, { name: 'refused_keys' }]) {
      expect(titleOf(name)).not.toBe(name)
      const { text, label, href } = adviceOf({ name, run: 'exp-7' })
      expect(text).toMatch(/\.$/)
      expect(label).not.toBe('')
      expect(href).toMatch(/^\/dashboard/)
    }
  })
})

describe('what is said of an alarm', () => {
  const verdict = (state: Verdict['state'], level: Verdict['level'] = 'warn'): Verdict => ({
    run: 'run',
    name: 'no_score',
    state,
    level,
    seen: 'seen',
  })

  it('is said when it begins, when it becomes a page and when it ends, and not in between', () => {
    let open = nextAlarms([], [verdict('alarm')], 1_000)
    expect(open.said.map(({ what }) => what)).toEqual(['began'])
    const steps: (readonly [Verdict, readonly string[]])[] = [
      [verdict('alarm'), []],
      [verdict('unsure'), []],
      [verdict('alarm', 'page'), ['rose']],
      [verdict('alarm'), []],
      [verdict('alarm', 'page'), []],
      [verdict('no data'), []],
      [verdict('ok'), ['ended']],
    ]
    let lasting = open.stored
    for (const [index, [next, said]] of steps.entries()) {
      open = nextAlarms(lasting, [next], 2_000 + index)
      expect(open.said.map(({ what }) => what)).toEqual(said)
      lasting = open.stored.length > 0 ? open.stored : lasting
    }
    expect(lasting[0]?.since).toBe(1_000)
    expect(lasting[0]?.ended_at).not.toBeNull()
  })

  it('ends an alarm of a run of which nothing is known for an hour', () => {
    const { stored } = nextAlarms([], [verdict('alarm')], 0)
    expect(nextAlarms(stored, [verdict('no data')], 3_000_000).said).toEqual([])
    expect(nextAlarms(stored, [verdict('no data')], 3_700_000).said.map(({ what }) => what)).toEqual(['ended'])
  })
})
