import type { Summary } from './summary.ts'

const bars = ' ▁▂▃▄▅▆▇█'

/** The rows of the table: a name, and the cell of a summary. */
const rows: readonly (readonly [string, (one: Summary) => string])[] = [
  ['rollouts', (one) => whole(one.rollouts)],
  ['scored', (one) => whole(one.scored)],
  ['discarded', (one) => whole(one.discarded)],
  ['reward, mean', (one) => fixed(one.reward.mean, 3)],
  ['reward, deviation', (one) => fixed(one.reward.deviation, 3)],
  ['reward, histogram', (one) => histogram(one)],
  [
    'best of 1, 2, 4 …',
    (one) =>
      Object.values(one.reward.best_of)
        .map((best) => fixed(best, 2))
        .join(' '),
  ],
  ['groups', (one) => whole(one.items.groups)],
  ['  without spread', (one) => whole(one.items.without_spread)],
  ['  all at the least', (one) => whole(one.items.of_them_at_the_least)],
  ['  all at the most', (one) => whole(one.items.of_them_at_the_most)],
  ['calls', (one) => whole(one.calls)],
  ['calls per rollout', (one) => fixed(one.calls_per_rollout.mean, 1)],
  ['tokens per answer', (one) => fixed(one.output_tokens.mean, 0)],
  ['tokens per tool output', (one) => fixed(one.tool_output_tokens.mean, 0)],
  ['call, ms p50 p95 p99', (one) => [one.call_ms.p50, one.call_ms.p95, one.call_ms.p99].map(short).join(' ')],
  [
    'grading, ms p50 p95 p99',
    (one) => [one.grading_ms.p50, one.grading_ms.p95, one.grading_ms.p99].map(short).join(' '),
  ],
  ['retries', (one) => whole(one.retries)],
  ['sent again', (one) => whole(one.repeats)],
  ['  answered differently', (one) => whole(one.differences)],
]

/** A table with a column for each agent, the best mean reward first, and one for all if there are several. */
export function simulationTable(agents: ReadonlyMap<string, Summary>, all: Summary): string {
  const ranked = [...agents].sort(([, a], [, b]) => (b.reward.mean ?? -1) - (a.reward.mean ?? -1))
  const columns = ranked.length > 1 ? [...ranked, ['all', all] as const] : ranked
  const cells = [
    ['', ...columns.map(([name]) => name)],
    ...rows.map(([name, cell]) => [name, ...columns.map(([, one]) => cell(one))]),
  ]
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  const lines = cells.map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('   '),
  )
  return [
    ...lines,
    ...countsOf('calls by tool', all.calls_by_tool),
    ...countsOf('errors', all.errors),
    ...countsOf('discarded because', all.discarded_because),
  ]
    .map((line) => line.trimEnd())
    .join('\n')
}

const countsOf = (title: string, counts: Readonly<Record<string, number>>): readonly string[] => {
  const entries = Object.entries(counts)
  if (entries.length === 0) return []
  return ['', `${title}: ${entries.map(([what, count]) => `${what} ${whole(count)}`).join(', ')}`]
}

/** One character per tenth, its height relative to the largest count. */
function histogram({ reward: { histogram } }: Summary): string {
  const most = Math.max(1, ...histogram.counts)
  const drawn = histogram.counts.map((count) => bars[Math.ceil((count / most) * (bars.length - 1))]).join('')
  return `${histogram.from}|${drawn}|${histogram.to}`
}

const whole = (count: number) => count.toLocaleString('en-US')
const fixed = (value: number | null, digits: number) => (value === null ? '–' : value.toFixed(digits))
const short = (value: number | null) => (value === null ? '–' : value >= 100 ? value.toFixed(0) : value.toFixed(1))
