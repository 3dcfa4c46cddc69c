import type { Sql } from 'postgres'

/** The figures of a re-grading, counted in this process instead of by the database. */
export async function countDirectly(sql: Sql, grader: string) {
  const was = new Map<number, number>()
  const is = new Map<number, number>()
  const outcomes = { scored: 0, failed: 0, ungradable: 0 }
  // A resumed run tries failed gradings again: the last outcome counts.
  const last = new Map<number, keyof typeof outcomes>()
  type Row = { rollout: number; source: string; outcome: keyof typeof outcomes; score: number | null }
  const rows = sql<
    Row[]
  >`select rollout::float8 as rollout, source, outcome, score from grades where grader = ${grader} order by id`
  for await (const some of rows.cursor(5_000)) {
    for (const { rollout, source, outcome, score } of some) {
      if (source === 'regrade') last.set(rollout, outcome)
      if (score !== null) (source === 'regrade' ? is : was).set(rollout, score)
    }
  }
  for (const outcome of last.values()) outcomes[outcome] += 1
  const pairs = [...was].flatMap(([id, before]) => {
    const after = is.get(id)
    return after === undefined ? [] : [{ before, after }]
  })
  const [before, after] = [pairs.map((pair) => pair.before), pairs.map((pair) => pair.after)]
  return {
    ...outcomes,
    compared: pairs.length,
    higher: pairs.filter((pair) => pair.after > pair.before + 1e-9).length,
    lower: pairs.filter((pair) => pair.after < pair.before - 1e-9).length,
    mean_before: mean(before),
    mean_after: mean(after),
    spearman: correlation(ranks(before), ranks(after)),
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** 1 for the least; equal values have the mean of their ranks. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((value, at) => ({ value, at })).sort((a, b) => a.value - b.value)
  const found: number[] = []
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && order[to]?.value === order[from]?.value) to += 1
    for (const { at } of order.slice(from, to)) found[at] = (from + 1 + to) / 2
  }
  return found
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)]
  let [both, squareA, squareB] = [0, 0, 0]
  for (const [at, one] of a.entries()) {
    const [fromA, fromB] = [one - meanA, (b[at] ?? 0) - meanB]
    both += fromA * fromB
    squareA += fromA ** 2
    squareB += fromB ** 2
  }
  return both / Math.sqrt(squareA * squareB)
}
