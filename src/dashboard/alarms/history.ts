import { deviationOf, type Moments, meanOf, type Stats, sumStats } from '../../ledger/rollups/stats.ts'
import type { Axis, Point } from '../curves.ts'
import { thresholds } from './thresholds.ts'

/** What is known of a run when its alarms are computed. */
export interface RunHistory {
  readonly axis: Axis
  /** The latest points, the earliest first, validations left out. */
  readonly training: readonly Point[]
  readonly validations: readonly Point[]
  /** The latest minutes in which something happened: outages are seen in them before a burst is over. */
  readonly minutes: readonly Point[]
  /** The first points of the run, to compare with. */
  readonly first: readonly Point[]
  /** The part that cannot be gamed. */
  readonly trusted: string | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

/** What a rule sees: the history as it was at the end of a window. */
export interface Window {
  readonly history: RunHistory
  /** The points of the window. */
  readonly points: readonly Point[]
  /** Their sum. */
  readonly stats: Stats
  /** The points before and in the window. */
  readonly until: readonly Point[]
}

/** The latest window, and the one that ended one point earlier; undefined where there are not enough points. */
export function windowsOf(history: RunHistory): readonly [Window | undefined, Window | undefined] {
  const { training, axis } = history
  const size = axis === 'minute' ? thresholds.windowMinutes : thresholds.windowBursts
  const ending = (end: number): Window | undefined => {
    if (end < 1) return undefined
    const until = training.slice(0, end)
    const points = until.slice(-size)
    return { history, points, until, stats: sumStats(points.map(({ stats }) => stats)) }
  }
  return [ending(training.length), ending(training.length - 1)]
}

/** The ten minutes until now, and those until a minute ago; undefined where nothing happened in them. */
export function minuteWindowsOf(history: RunHistory): readonly [Window | undefined, Window | undefined] {
  const ending = (end: number): Window | undefined => {
    const from = end - thresholds.windowMinutes * 60_000
    const points = history.minutes.filter(({ bucket }) => bucket * 60_000 > from && bucket * 60_000 <= end)
    if (points.length === 0) return undefined
    return { history, points, until: points, stats: sumStats(points.map(({ stats }) => stats)) }
  }
  return [ending(history.now), ending(history.now - 60_000)]
}

/** Two samples of scores, some time apart. */
export interface Change {
  readonly before: number
  readonly after: number
  readonly difference: number
  /** The standard error of the difference. */
  readonly error: number
}

/** The change of a number from one sample to another; undefined if either has too few. */
export function changeOf(before: Moments, after: Moments, least: number): Change | undefined {
  const [was, is] = [meanOf(before), meanOf(after)]
  if (was === undefined || is === undefined || before.count < least || after.count < least) return undefined
  const variance = (sample: Moments) => (deviationOf(sample) ?? 0) ** 2 / sample.count
  return { before: was, after: is, difference: is - was, error: Math.sqrt(variance(before) + variance(after)) }
}

/** The sums of the window five points long that ended `bursts` points ago, and of the window itself. */
export function farApart({ until, points, stats }: Window, bursts: number): readonly [Stats, Stats] | undefined {
  const size = points.length
  const earlier = until.slice(-bursts, until.length - bursts + size)
  if (until.length < bursts || earlier.length === 0) return undefined
  return [sumStats(earlier.map((point) => point.stats)), stats]
}
