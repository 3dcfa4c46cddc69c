import type { RunHistory } from '../../../src/dashboard/alarms/history.ts'
import type { Point } from '../../../src/dashboard/curves.ts'
import { type Moments, noStats, type Stats } from '../../../src/ledger/rollups/stats.ts'

/** A sample with this mean, and with a spread as rewards have it. */
export function sample(mean: number, count = 200, deviation = 0.3): Moments {
  const squares = count * (mean * mean + deviation * deviation)
  return { count, sum: mean * count, squares, least: 0, most: 1 }
}

/** What a burst of a synthetic history is like; everything else is as in a healthy run. */
export interface SyntheticBurst {
  readonly reward?: number
  readonly parts?: Readonly<Record<string, number>>
  readonly calls?: number
  readonly characters?: number
  readonly ratio?: number
  readonly lost?: number
  readonly ungradable?: number
  readonly failedCalls?: number
  readonly flat?: number
  readonly exhausted?: number
  /** For how many of the 25 items the answer `42` was given. */
  readonly sameAnswer?: number
  readonly isValidation?: boolean
  /** How many rollouts it has; default 200. */
  readonly rollouts?: number
}

/** The sums of such a burst. */
export function statsOf(burst: SyntheticBurst): Stats {
  const {
    reward = 0.5,
    parts = { answer: 0.5, short: 0.9 },
    calls = 4,
    characters = 120,
    ratio = 2,
    rollouts = 200,
  } = burst
  const { lost = 0, ungradable = 0, failedCalls = 0, flat = 5, exhausted = 0, sameAnswer = 1 } = burst
  const scored = rollouts - lost - ungradable
  return {
    ...noStats,
    began: rollouts,
    scored,
    failed: lost,
    ungradable,
    score: sample(reward, scored),
    parts: Object.fromEntries(Object.entries(parts).map(([name, mean]) => [name, sample(mean, scored)])),
    graders: { exact: { scored, failed: lost, ungradable, durations: [] } },
    codes: lost > 0 ? { 'grading grader_failed': lost } : {},
    tools: { search: { ok: rollouts * calls, refused: 3, failed: failedCalls, durations: [], bytes: 0 } },
    calls: sample(calls, rollouts, 1),
    exhausted,
    length: sample(characters, scored, 30),
    compression: sample(ratio, Math.min(30, rollouts), 0.5),
    answers: { hash: { count: sameAnswer, text: '42' } },
    groups: rollouts / 8,
    flat,
    items: Math.min(25, rollouts),
  }
}

/** How far apart the bursts of a synthetic history are, in milliseconds. */
export const burstEveryMs = 300_000

/** A run of so many bursts, the latest of which began a minute ago. */
export function historyOf(
  count: number,
  burst: (at: number) => SyntheticBurst,
  { trusted = 'answer', quietMs = 60_000 }: { readonly trusted?: string | undefined; readonly quietMs?: number } = {},
): RunHistory {
  const now = 1_800_000_000_000
  const points = Array.from({ length: count }, (_, at): Point => {
    const first = now - quietMs - (count - 1 - at) * burstEveryMs
    const made = burst(at)
    return {
      bucket: at + 1,
      first_at: first,
      last_at: first,
      isValidation: made.isValidation ?? false,
      stats: statsOf(made),
    }
  })
  const training = points.filter(({ isValidation }) => !isValidation)
  return {
    axis: 'burst',
    training,
    validations: points.filter(({ isValidation }) => isValidation),
    minutes: [],
    first: training.slice(0, 5),
    trusted,
    now,
  }
}
