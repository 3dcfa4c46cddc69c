import type { Finding } from './finding.ts'
import { spearman } from './spearman.ts'
import { type CheckMaterial, exampleOf, type Trial } from './try-all.ts'
import { shareOf } from './try-answer.ts'

/** Fewer labelled answers say nothing. */
const fewest = 5

/** Whether the grader ranks labelled answers as the labels do, and where the two disagree. */
export function calibration(labelled: readonly Trial[], { grader, rows }: CheckMaterial, least: number): Finding {
  const check = 'labelled answers'
  const labels = rows.flatMap(({ answers }, at) =>
    answers.map(({ label, output_text }) => ({ at, label, output_text })),
  )
  const pairs = labelled.flatMap((trial, n) => {
    const label = labels[n]
    return label === undefined || trial.tried.kind !== 'scored'
      ? []
      : [{ trial, label: shareOf(label.label, grader), share: trial.tried.share }]
  })
  if (pairs.length < fewest || new Set(pairs.map(({ label }) => label)).size < 2) {
    const advice =
      'Label a few dozen answers by hand, wrong ones too, and give them with --items: it is the only check of what the score means.'
    return {
      check,
      verdict: 'warn',
      found: `${pairs.length} labelled answers, too few to say anything`,
      advice,
      examples: [],
    }
  }
  const correlation = spearman(pairs.map(({ label, share }) => [label, share]))
  const apart = pairs
    .filter(({ label, share }) => Math.abs(label - share) > 0.25)
    .sort((a, b) => Math.abs(b.label - b.share) - Math.abs(a.label - a.share))
  const rank = Number.isNaN(correlation) ? 'none, all scores are equal' : correlation.toFixed(2)
  const found = `rank correlation ${rank} with ${pairs.length} labelled answers; ${apart.length} are more than 25 % apart`
  const examples = apart.slice(0, 3).map(({ trial, label }) => ({
    ...exampleOf(trial),
    attempt: `a labelled answer, worth ${label.toFixed(2)}`,
  }))
  if (correlation >= least) return { check, verdict: 'pass', found, advice: '', examples }
  const advice =
    'The score does not rank answers as people do. Read the answers on which they disagree most: one of the two is wrong.'
  return { check, verdict: 'fail', found, advice, examples }
}
