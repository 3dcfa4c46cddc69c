import type { RegradingReport } from '../../ledger/reports/regrading-report.ts'
import { beforeInWords, callText, changeInWords, fixed, plain, short, signed, whole } from './format.ts'

const blocks = ' ▁▂▃▄▅▆▇█'

/** The report for a terminal; control characters in what rollouts and graders wrote are removed. */
export function reportTable(report: RegradingReport): string {
  const { grader, version, code_hash, subjects, compared, scored, failed, ungradable, waiting, spread, histogram } =
    report
  const change = changeInWords(report)
  const rows: (readonly [string, string])[] = [
    ['recorded samples', `${whole(subjects)}, of ${whole(report.rollouts)} rollouts`],
    ['  scored', whole(scored)],
    ['  failed', whole(failed)],
    ['  ungradable', whole(ungradable)],
    ...(waiting > 0 ? [['  not graded yet', whole(waiting)] as const] : []),
    ['with a score before too', whole(compared)],
    ['  newly scored', whole(report.newly_scored)],
    ['  no longer scored', whole(report.no_longer_scored)],
    ['mean before → after', `${fixed(report.mean_before, 4)} → ${fixed(report.mean_after, 4)}${meanChange(report)}`],
    ['mean of all scored', fixed(report.mean, 4)],
    ['changed', `${whole(report.changed)}: ${whole(report.higher)} higher, ${whole(report.lower)} lower`],
    ["Spearman's rank correlation", fixed(report.spearman, 4)],
    ['groups with spread', `${whole(spread.before)} → ${whole(spread.after)} of ${whole(spread.groups)}`],
    ['histogram before', bars(histogram.before, histogram)],
    ['histogram after', bars(histogram.after, histogram)],
  ]
  return [
    ...(change === undefined ? [] : [`ATTENTION: ${plain(change, 1_000)}`, '']),
    `${grader}, version ${plain(version, 100)}, code ${short(code_hash)}`,
    ...beforeInWords(report).map((words) => `  before: ${plain(words, 300)}`),
    '',
    ...rows.map(([name, value]) => `${name.padEnd(30)}${value}`),
    ...partLines(report),
    ...codeLines(report),
    ...moverLines(report),
  ].join('\n')
}

function meanChange({ mean_before, mean_after }: RegradingReport): string {
  return mean_before === null || mean_after === null ? '' : ` (${signed(mean_after - mean_before)})`
}

function partLines({ parts }: RegradingReport): string[] {
  if (parts.length === 0) return []
  const lines = parts.map(({ name, before, after, count_before, count_after }) => {
    const means = `${fixed(before, 4)} → ${fixed(after, 4)}`
    return `  ${plain(name, 40).padEnd(28)}${means.padEnd(22)}${whole(count_before)} → ${whole(count_after)}`
  })
  return ['', `${'parts, mean before → after'.padEnd(52)}scores`, ...lines]
}

function codeLines({ without_score }: RegradingReport): string[] {
  if (without_score.length === 0) return []
  const lines = without_score.flatMap(({ outcome, code, count, rollout_id, reason }) => [
    `  ${whole(count)} ${outcome}: ${code ?? 'no code'}`,
    `      ${plain(rollout_id, 60)}: ${plain(reason ?? '', 200)}`,
  ])
  return ['', 'without a score, with one example each', ...lines]
}

function moverLines({ movers }: RegradingReport): string[] {
  if (movers.length === 0) return []
  const lines = movers.flatMap(({ rollout_id, item_hash, before, after, question, answer, calls, ...reasons }) => [
    `  ${fixed(before, 4)} → ${fixed(after, 4)}  ${plain(rollout_id, 60)}  item ${short(item_hash)}`,
    `      question: ${plain(question ?? '–', 200)}`,
    `      calls:    ${calls.length === 0 ? '–' : plain(calls.map(callText).join(', '), 300)}`,
    `      answer:   ${plain(answer ?? '–', 200)}`,
    `      before:   ${plain(reasons.before_reason ?? '–', 200)}`,
    `      after:    ${plain(reasons.after_reason ?? '–', 200)}`,
  ])
  return ['', 'largest changes', ...lines]
}

/** One character per tenth, its height relative to the largest count. */
function bars(counts: readonly number[], { from, to }: RegradingReport['histogram']): string {
  const most = Math.max(1, ...counts)
  return `${from}|${counts.map((count) => blocks[Math.ceil((count / most) * (blocks.length - 1))]).join('')}|${to}`
}
