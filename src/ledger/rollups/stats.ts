/** The sum of numbers and of their squares, the least and the greatest. */
export interface Moments {
  readonly count: number
  readonly sum: number
  readonly squares: number
  readonly least: number | null
  readonly most: number | null
}

/** The calls of one tool. */
export interface ToolStats {
  readonly ok: number
  readonly refused: number
  /** Executions that failed, those of calls that succeeded later included. */
  readonly failed: number
  /** How many took as long as each of {@link durationEdges}. */
  readonly durations: readonly number[]
  /** The bytes of their outputs. */
  readonly bytes: number
}

/** The gradings by one grader. */
export interface GraderStats {
  readonly scored: number
  readonly ungradable: number
  readonly failed: number
  readonly durations: readonly number[]
}

/** An answer that was given to several items. */
export interface CommonAnswer {
  readonly count: number
  /** Its beginning. */
  readonly text: string
}

/** What happened in a bucket: numbers that can be added. */
export interface Stats {
  /** Rollouts that began. */
  readonly began: number
  /** Rollouts by their best outcome so far. In minutes, only `scored` is counted. */
  readonly scored: number
  readonly failed: number
  readonly ungradable: number
  /** The first score that was sent for each rollout. */
  readonly score: Moments
  /** How many of these scores are in each bucket of {@link scoreEdges}. */
  readonly scores: readonly number[]
  readonly parts: Readonly<Record<string, Moments>>
  readonly graders: Readonly<Record<string, GraderStats>>
  /** Codes of gradings and calls without success, such as `grading tool_failed` and `call refused_by_tool`. */
  readonly codes: Readonly<Record<string, number>>
  readonly tools: Readonly<Record<string, ToolStats>>
  /** The calls of graded rollouts, and how many of these asked for more calls than their budget has. */
  readonly calls: Moments
  readonly exhausted: number
  /** The characters of the answers, and how many have as many as each of {@link lengthEdges}. */
  readonly length: Moments
  readonly lengths: readonly number[]
  /** How many times smaller the answers are when they are compressed; of a sample of them. */
  readonly compression: Moments
  /** The most frequent answers, by a hash. */
  readonly answers: Readonly<Record<string, CommonAnswer>>
  /** The groups of two or more scores: all of them, those without spread, those solved by all and by none. */
  readonly groups: number
  readonly flat: number
  readonly solved: number
  readonly unsolved: number
  /** How many items came up, and the least of their hashes: a sketch by which bursts of the same items are found. */
  readonly items: number
  readonly sketch: readonly string[]
}

/** The upper ends of the buckets of durations, in milliseconds; the last bucket has none. */
export const durationEdges: readonly number[] = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
]

/** The upper ends of the buckets of scores: below 0, 0, tenths up to less than 1, 1; the last bucket has none. */
export const scoreEdges: readonly number[] = [
  -1e-9,
  1e-9,
  0.1,
  0.2,
  0.3,
  0.4,
  0.5,
  0.6,
  0.7,
  0.8,
  0.9,
  1 - 1e-9,
  1 + 1e-9,
]

/** The upper ends of the buckets of answers' lengths, in characters; the last bucket has none. */
export const lengthEdges: readonly number[] = [
  10, 20, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 16_000,
  32_000,
]

/** A score from which on an item counts as solved, and one up to which it counts as not solved at all. */
export const solvedScore = 1 - 1e-9
export const unsolvedScore = 1e-9

/** How many tools, graders and parts a bucket names; further ones are summed as `other`. */
export const mostNames = 20

/** How many of the most frequent answers, and how many hashes of items, are kept. */
const mostAnswers = 8
const sketchSize = 32

/** No numbers: `count` 0. */
export const noMoments: Moments = { count: 0, sum: 0, squares: 0, least: null, most: null }

/** One number. */
export function momentsOf(value: number): Moments {
  return { count: 1, sum: value, squares: value * value, least: value, most: value }
}

/** The sums of nothing. */
export const noStats: Stats = {
  began: 0,
  scored: 0,
  failed: 0,
  ungradable: 0,
  score: noMoments,
  scores: [],
  parts: {},
  graders: {},
  codes: {},
  tools: {},
  calls: noMoments,
  exhausted: 0,
  length: noMoments,
  lengths: [],
  compression: noMoments,
  answers: {},
  groups: 0,
  flat: 0,
  solved: 0,
  unsolved: 0,
  items: 0,
  sketch: [],
}

/** Counts a value in the bucket to which it belongs. */
export function countIn(counts: number[], edges: readonly number[], value: number): void {
  const found = edges.findIndex((edge) => value <= edge)
  countAt(counts, found === -1 ? edges.length : found, 1)
}

/** Counts values in a bucket. */
export function countAt(counts: number[], at: number, count: number): void {
  while (counts.length <= at) counts.push(0)
  counts[at] = (counts[at] ?? 0) + count
}

/** The sums of two buckets. */
export function addStats(a: Stats, b: Stats): Stats {
  return {
    began: a.began + b.began,
    scored: a.scored + b.scored,
    failed: a.failed + b.failed,
    ungradable: a.ungradable + b.ungradable,
    score: addMoments(a.score, b.score),
    scores: addCounts(a.scores, b.scores),
    parts: addNamed(a.parts, b.parts, addMoments),
    graders: addNamed(a.graders, b.graders, addGraders),
    codes: addNamed(a.codes, b.codes, (one, other) => one + other),
    tools: addNamed(a.tools, b.tools, addTools),
    calls: addMoments(a.calls, b.calls),
    exhausted: a.exhausted + b.exhausted,
    length: addMoments(a.length, b.length),
    lengths: addCounts(a.lengths, b.lengths),
    compression: addMoments(a.compression, b.compression),
    answers: addAnswers(a.answers, b.answers),
    groups: a.groups + b.groups,
    flat: a.flat + b.flat,
    solved: a.solved + b.solved,
    unsolved: a.unsolved + b.unsolved,
    items: a.items + b.items,
    sketch: mergeSketches(a.sketch, b.sketch),
  }
}

/** The sums of several buckets. */
export const sumStats = (all: readonly Stats[]): Stats => all.reduce(addStats, noStats)

/** The numbers of two samples together. */
export function addMoments(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b
  if (b.count === 0) return a
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    squares: a.squares + b.squares,
    least: Math.min(a.least ?? Number.POSITIVE_INFINITY, b.least ?? Number.POSITIVE_INFINITY),
    most: Math.max(a.most ?? Number.NEGATIVE_INFINITY, b.most ?? Number.NEGATIVE_INFINITY),
  }
}

/** The mean; undefined of nothing. */
export const meanOf = ({ count, sum }: Moments): number | undefined => (count === 0 ? undefined : sum / count)

/** The standard deviation; undefined of nothing. */
export function deviationOf({ count, sum, squares }: Moments): number | undefined {
  if (count === 0) return undefined
  const mean = sum / count
  return Math.sqrt(Math.max(0, squares / count - mean * mean))
}

/**
 * The value below which a share of the counted values lies, read within its bucket as if they were spread evenly; undefined
 * of nothing.
 *
 * @param share from 0 to 1, such as 0.95
 */
export function quantileOf(edges: readonly number[], counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let before = 0
  for (const [at, count] of counts.entries()) {
    if (count > 0 && before + count >= share * total) {
      const low = at === 0 ? 0 : (edges[at - 1] ?? 0)
      const high = edges[at] ?? low
      return low + ((share * total - before) / count) * (high - low)
    }
    before += count
  }
  return edges.at(-1)
}

function addCounts(a: readonly number[], b: readonly number[]): readonly number[] {
  const [longer, shorter] = a.length >= b.length ? [a, b] : [b, a]
  return longer.map((count, at) => count + (shorter[at] ?? 0))
}

type Named<Value> = Readonly<Record<string, Value>>

function addNamed<Value>(a: Named<Value>, b: Named<Value>, add: (one: Value, other: Value) => Value): Named<Value> {
  const names = Object.keys(b)
  if (names.length === 0) return a
  const sums = new Map(Object.entries(a))
  for (const name of names) {
    const added = b[name]
    if (added === undefined) continue
    const known = sums.has(name) || sums.size < mostNames ? name : 'other'
    const before = sums.get(known)
    sums.set(known, before === undefined ? added : add(before, added))
  }
  return Object.fromEntries(sums)
}

const addGraders = (a: GraderStats, b: GraderStats): GraderStats => ({
  scored: a.scored + b.scored,
  ungradable: a.ungradable + b.ungradable,
  failed: a.failed + b.failed,
  durations: addCounts(a.durations, b.durations),
})

const addTools = (a: ToolStats, b: ToolStats): ToolStats => ({
  ok: a.ok + b.ok,
  refused: a.refused + b.refused,
  failed: a.failed + b.failed,
  durations: addCounts(a.durations, b.durations),
  bytes: a.bytes + b.bytes,
})

/** Frequent answers survive and rare ones are displaced, so that a bucket stays small however many answers it has. */
function addAnswers(a: Named<CommonAnswer>, b: Named<CommonAnswer>): Named<CommonAnswer> {
  const sums = new Map(Object.entries(a))
  for (const [hash, { count, text }] of Object.entries(b)) {
    sums.set(hash, { count: count + (sums.get(hash)?.count ?? 0), text })
  }
  return mostFrequent(sums)
}

/** The answers that a bucket keeps. */
export function mostFrequent(answers: Iterable<readonly [hash: string, CommonAnswer]>): Named<CommonAnswer> {
  const sorted = [...answers].sort(([x, one], [y, other]) => other.count - one.count || (x < y ? -1 : 1))
  return Object.fromEntries(sorted.slice(0, mostAnswers))
}

/** The sketch of the items of both. */
export function mergeSketches(a: readonly string[], b: readonly string[]): readonly string[] {
  if (b.length === 0) return a
  return [...new Set([...a, ...b])].sort().slice(0, sketchSize)
}
