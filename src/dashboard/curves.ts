import type { Bucket } from '../ledger/rollups/read.ts'
import {
  deviationOf,
  durationEdges,
  lengthEdges,
  type Moments,
  meanOf,
  noStats,
  quantileOf,
  type Stats,
  sumStats,
} from '../ledger/rollups/stats.ts'
import type { BucketKind } from '../ledger/rollups/sums.ts'
import { validationBursts } from '../ledger/rollups/validation.ts'

/** What the curves of a run are drawn over. */
export type Axis = Exclude<BucketKind, 'total'>

/** The axes, as they are labelled. */
export const axisNames: Readonly<Record<Axis, string>> = { burst: 'burst', visit: 'visit of an item', minute: 'minute' }

/** A point of the curves: one bucket, or several that are drawn as one. Times are milliseconds since 1970. */
export interface Point {
  readonly bucket: number
  readonly first_at: number
  readonly last_at: number
  readonly isValidation: boolean
  readonly stats: Stats
}

/** A burst that lasts longer is not a step of a trainer: rollouts begin all the time. */
export const longestBurstMs = 1_800_000

/** How many points a chart has at most. */
const mostPoints = 240

/** The axis that says most about a run: bursts, unless one is too long; then visits if there are some, else minutes. */
export function axisOf(bursts: readonly Bucket[], visits: readonly Bucket[]): Axis {
  if (bursts.every(({ first_at, last_at }) => last_at - first_at <= longestBurstMs)) return 'burst'
  return visits.length >= 3 ? 'visit' : 'minute'
}

/** The points of a run's buckets. Neighbours are added up where there are more than a chart can show. */
export function pointsOf(axis: Axis, buckets: readonly Bucket[], most = mostPoints): readonly Point[] {
  const isBurst = axis === 'burst'
  const validations = isBurst
    ? validationBursts(buckets.map(({ bucket, stats }) => ({ bucket, items: stats.items, sketch: stats.sketch })))
    : new Set<number>()
  const points = buckets.map((one): Point => ({ ...one, isValidation: validations.has(one.bucket) }))
  const size = Math.ceil(points.length / most)
  if (size <= 1) return points
  const merged = [false, true].flatMap((isValidation) => {
    const own = points.filter((point) => point.isValidation === isValidation)
    return Array.from({ length: Math.ceil(own.length / size) }, (_, n) => own.slice(n * size, (n + 1) * size)).map(
      sumOf,
    )
  })
  return merged.sort((a, b) => a.bucket - b.bucket)
}

function sumOf(points: readonly Point[]): Point {
  const [first = noPoint] = points
  const last_at = Math.max(...points.map((point) => point.last_at))
  return { ...first, last_at, stats: sumStats(points.map(({ stats }) => stats)) }
}

const noPoint: Point = { bucket: 0, first_at: 0, last_at: 0, isValidation: false, stats: noStats }

/** A table of numbers: one row for each point, one column for each curve. */
export interface Curves {
  readonly axis: Axis
  readonly columns: readonly CurveColumn[]
}

/** A column of {@link Curves}; null where there is nothing to show. */
export interface CurveColumn {
  /** Such as `reward_mean`, or with the name of a part or a tool: `part:answer`. */
  readonly name: string
  readonly values: readonly (number | null)[]
}

/** All curves of a run. */
export function curvesOf(axis: Axis, points: readonly Point[]): Curves {
  const column = (name: string, of: (point: Point) => number | undefined): CurveColumn => ({
    name,
    values: points.map((point) => rounded(of(point))),
  })
  const named = (of: (stats: Stats) => Readonly<Record<string, unknown>>) =>
    [...new Set(points.flatMap(({ stats }) => Object.keys(of(stats))))].sort()
  const training = (of: (stats: Stats) => number | undefined) => (point: Point) =>
    point.isValidation ? undefined : of(point.stats)
  const columns = [
    column('bucket', ({ bucket }) => bucket),
    column('began_at', ({ first_at }) => first_at),
    column('ended_at', ({ last_at }) => last_at),
    column('is_validation', ({ isValidation }) => (isValidation ? 1 : 0)),
    column('rollouts', ({ stats }) => stats.began),
    column('scored', ({ stats }) => stats.scored),
    column(
      'reward_mean',
      training(({ score }) => meanOf(score)),
    ),
    column(
      'reward_deviation',
      training(({ score }) => deviationOf(score)),
    ),
    column('validation_mean', ({ isValidation, stats }) => (isValidation ? meanOf(stats.score) : undefined)),
    column('failed', ({ stats }) => lost(stats, 'failed')),
    column('ungradable', ({ stats }) => lost(stats, 'ungradable')),
    column(
      'calls_mean',
      training(({ calls }) => meanOf(calls)),
    ),
    column(
      'exhausted_share',
      training(({ exhausted, calls }) => shareOf(exhausted, calls.count)),
    ),
    column(
      'answer_median',
      training(({ lengths }) => quantileOf(lengthEdges, lengths, 0.5)),
    ),
    column('groups', ({ stats }) => stats.groups),
    column(
      'flat_share',
      training(({ flat, groups }) => shareOf(flat, groups)),
    ),
    column(
      'solved_share',
      training(({ solved, groups }) => shareOf(solved, groups)),
    ),
    column(
      'unsolved_share',
      training(({ unsolved, groups }) => shareOf(unsolved, groups)),
    ),
    ...named(({ parts }) => parts).map((name) =>
      column(
        `part:${name}`,
        training(({ parts }) => meanIn(parts, name)),
      ),
    ),
    ...named(({ parts }) => parts).map((name) =>
      column(`validation_part:${name}`, ({ isValidation, stats }) =>
        isValidation ? meanIn(stats.parts, name) : undefined,
      ),
    ),
    ...named(({ tools }) => tools).flatMap((name) => [
      column(`calls:${name}`, ({ stats }) => {
        const tool = stats.tools[name]
        return tool && shareOf(tool.ok + tool.refused + tool.failed, stats.calls.count || stats.began)
      }),
      column(`p50:${name}`, ({ stats }) => quantileOf(durationEdges, stats.tools[name]?.durations ?? [], 0.5)),
      column(`p95:${name}`, ({ stats }) => quantileOf(durationEdges, stats.tools[name]?.durations ?? [], 0.95)),
    ]),
    ...named(({ codes }) => codes).map((name) => column(`code:${name}`, ({ stats }) => stats.codes[name] ?? 0)),
  ]
  return { axis, columns }
}

/** The curves as CSV, with a row of names first. */
export function curvesCsv({ columns }: Curves): string {
  const quoted = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const rows = (columns[0]?.values ?? []).map((_, at) =>
    columns.map(({ values }) => String(values[at] ?? '')).join(','),
  )
  return `${[columns.map(({ name }) => quoted(name)).join(','), ...rows].join('\n')}\n`
}

/** How many gradings of a kind came without a score: rollouts that got none, or, in minutes, each grading. */
function lost(stats: Stats, outcome: 'failed' | 'ungradable'): number {
  if (stats[outcome] > 0 || stats.began > 0) return Math.max(0, stats[outcome])
  return Object.values(stats.graders).reduce((sum, grader) => sum + grader[outcome], 0)
}

const meanIn = (parts: Readonly<Record<string, Moments>>, name: string) => {
  const part = parts[name]
  return part && meanOf(part)
}

/** A share of a whole; undefined of nothing. */
export const shareOf = (part: number, whole: number): number | undefined => (whole === 0 ? undefined : part / whole)

const rounded = (value: number | undefined): number | null =>
  value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(9))
