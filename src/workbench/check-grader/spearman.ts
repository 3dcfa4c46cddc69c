/**
 * Spearman's rank correlation of pairs, from -1 to 1: Pearson's correlation of their ranks, equal values sharing the mean of
 * their ranks, which is the definition that holds with ties. NaN for fewer than two pairs, or where one side has one value
 * only.
 *
 * Source: C. Spearman, "The proof and measurement of association between two things", 1904; for ties, M. G. Kendall, "Rank
 * Correlation Methods", 1948.
 *
 * @example spearman([[1, 10], [2, 20], [3, 15]]) // 0.5
 */
export function spearman(pairs: readonly (readonly [number, number])[]): number {
  const [xs, ys] = [ranks(pairs.map(([x]) => x)), ranks(pairs.map(([, y]) => y))]
  const mean = (pairs.length + 1) / 2
  const products = xs.reduce((sum, x, at) => sum + (x - mean) * ((ys[at] ?? 0) - mean), 0)
  const squares = (of: readonly number[]) => of.reduce((sum, rank) => sum + (rank - mean) ** 2, 0)
  return products / Math.sqrt(squares(xs) * squares(ys))
}

/** The rank of each number, from 1; equal ones share the mean of theirs. */
function ranks(numbers: readonly number[]): readonly number[] {
  const order = numbers.map((number, at) => ({ number, at })).sort((a, b) => a.number - b.number)
  const ranked: number[] = []
  for (let from = 0; from < order.length; ) {
    let to = from
    while (order[to + 1]?.number === order[from]?.number) to += 1
    for (const { at } of order.slice(from, to + 1)) ranked[at] = (from + to) / 2 + 1
    from = to + 1
  }
  return ranked
}
