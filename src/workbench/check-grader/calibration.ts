import type { Finding } from './finding.ts'
import { type CheckMaterial, exampleOf, type Trial } from './try-all.ts'
import { shareOf } from './try-answer.ts'

/** Fewer labelled answers prove nothing. */
const minLabels = 5

/** Answers whose score and label differ by more than this are shown. */
const maxDifference = 0.25

/** Checks whether the grader ranks labelled answers as the labels do, and where the two disagree. */
export function calibration(labelled: readonly Trial[], { grader, rows }: CheckMaterial, least: number): Finding {
  const check = 'labelled answers'
  const labels = rows.flatMap(({ answers }) => answers.map(({ label }) => label))
  const pairs = labelled.flatMap((trial, n) => {
    const label = labels[n]
    return label === undefined || trial.tried.kind !== 'scored'
      ? []
      : [{ trial, label: shareOf(label, grader), share: trial.tried.share }]
  })
  if (pairs.length < minLabels || new Set(pairs.map(({ label }) => label)).size < 2) {
    const found = `${pairs.length} labelled answers, too few to say anything`
    const advice =
      'Label a few dozen answers by hand, including wrong ones, and pass them with --items: this is the only check of what the score means.'
    return { check, verdict: 'warn', found, advice, examples: [] }
  }
  const correlation = spearman(pairs.map(({ label, share }) => [label, share]))
  const apart = pairs
    .filter(({ label, share }) => Math.abs(label - share) > maxDifference)
    .sort((a, b) => Math.abs(b.label - b.share) - Math.abs(a.label - a.share))
  const rank = Number.isNaN(correlation) ? 'none, all scores are equal' : correlation.toFixed(2)
  const found = `rank correlation ${rank} with ${pairs.length} labelled answers; ${apart.length} differ by more than 25 %`
  const examples = apart.slice(0, 3).map(({ trial, label }) => ({
    ...exampleOf(trial),
    attempt: `a labelled answer, worth ${label.toFixed(2)}`,
  }))
  if (correlation >= least) return { check, verdict: 'pass', found, advice: '', examples }
  const advice =
    'The score does not rank answers as people do. Read the answers with the largest differences: the grader or the label is wrong.'
  return { check, verdict: 'fail', found, advice, examples }
}

/**
 * Spearman's rank correlation of pairs, from -1 to 1: Pearson's correlation of their ranks, where equal values share the
 * mean of their ranks, which is the definition that holds with ties. NaN for fewer than two pairs, or if all values of one
 * side are equal.
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

/** The rank of each number, from 1; equal numbers share the mean of theirs. */
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
