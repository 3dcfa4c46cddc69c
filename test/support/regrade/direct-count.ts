import { code, type GradeRow } from './seeded.ts'

/** One recorded sample as plain code sees it. */
export interface Pair {
  readonly first: GradeRow
  readonly before: GradeRow | undefined
  readonly after: GradeRow | undefined
}

/** Pairs gradings of version 2 with earlier ones, without the server's code. */
export function pairsOf(rows: readonly GradeRow[]): Pair[] {
  const groups = new Map<string, GradeRow[]>()
  for (const row of rows) {
    const key = JSON.stringify([row.rollout_id, row.sample_hash])
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  const pairs: Pair[] = []
  for (const group of groups.values()) {
    const first = group.find(({ source }) => source === 'trainer')
    if (first === undefined) continue
    const own = group.filter(({ grader }) => grader === code.grader)
    const today = own.filter(
      (row) => row.source === 'regrade' && row.version === '2' && row.code_hash === code.codeHash,
    )
    const others = own.filter((row) => !today.includes(row))
    const before =
      others.find((row) => row.source === 'trainer' && row.outcome === 'scored') ??
      others.findLast((row) => row.outcome === 'scored') ??
      others.at(-1)
    pairs.push({ first, before, after: today.find(({ outcome }) => outcome === 'scored') ?? today.at(-1) })
  }
  return pairs
}

/** The figures of the report, counted one by one. */
export function figuresOf(pairs: readonly Pair[]) {
  const both = pairs.flatMap(({ first, before, after }) =>
    before?.score == null || after?.score == null
      ? []
      : [{ first, was: before.score, now: after.score, wasParts: before.parts ?? {}, nowParts: after.parts ?? {} }],
  )
  const outcome = (name: string) => pairs.filter(({ after }) => after?.outcome === name).length
  const names = new Set(both.flatMap(({ wasParts, nowParts }) => [...Object.keys(wasParts), ...Object.keys(nowParts)]))
  const groups = [...new Set(both.map(({ first }) => first.item_hash))]
    .map((item) => both.filter(({ first }) => first.item_hash === item))
    .filter((group) => group.length > 1)
  const isSpread = (scores: readonly number[]) => Math.max(...scores) - Math.min(...scores) > 1e-9
  return {
    subjects: pairs.length,
    rollouts: new Set(pairs.map(({ first }) => first.rollout_id)).size,
    scored: outcome('scored'),
    failed: outcome('failed'),
    ungradable: outcome('ungradable'),
    waiting: pairs.filter(({ after }) => after === undefined).length,
    compared: both.length,
    mean_before: mean(both.map(({ was }) => was)),
    mean_after: mean(both.map(({ now }) => now)),
    higher: both.filter(({ was, now }) => now - was > 1e-9).length,
    lower: both.filter(({ was, now }) => was - now > 1e-9).length,
    newly_scored: pairs.filter(({ before, after }) => before?.score == null && after?.score != null).length,
    no_longer_scored: pairs.filter(({ before, after }) => before?.score != null && after && after.score === null)
      .length,
    spearman: pearson(ranks(both.map(({ was }) => was)), ranks(both.map(({ now }) => now))),
    spread: {
      groups: groups.length,
      before: groups.filter((group) => isSpread(group.map(({ was }) => was))).length,
      after: groups.filter((group) => isSpread(group.map(({ now }) => now))).length,
    },
    parts: new Map(
      [...names].map((name): [string, (number | null)[]] => {
        const [was, now] = [
          both.flatMap((one) => one.wasParts[name] ?? []),
          both.flatMap((one) => one.nowParts[name] ?? []),
        ]
        return [
          name,
          [was.length === 0 ? null : mean(was), now.length === 0 ? null : mean(now), was.length, now.length],
        ]
      }),
    ),
    moves: both.map(({ was, now }) => Math.abs(now - was)).sort((a, b) => b - a),
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** 1 for the least; equal ones have the mean of their ranks. */
function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const less = values.filter((other) => other < value).length
    const same = values.filter((other) => other === value).length
    return less + (same + 1) / 2
  })
}

function pearson(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)]
  const sum = (of: (at: number) => number) => a.reduce((all, _, at) => all + of(at), 0)
  const [da, db] = [(at: number) => (a[at] ?? 0) - meanA, (at: number) => (b[at] ?? 0) - meanB]
  return sum((at) => da(at) * db(at)) / Math.sqrt(sum((at) => da(at) ** 2) * sum((at) => db(at) ** 2))
}
