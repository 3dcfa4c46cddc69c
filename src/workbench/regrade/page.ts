import type { RegradingReport } from '../../ledger/reports/regrading-report.ts'
import { escapeHtml } from './escape-html.ts'
import { histogram, scatter } from './page-charts.ts'
import { style } from './page-style.ts'
import { beforeInWords, changeInWords, fixed, short, signed, whole } from './words.ts'

/**
 * The report as a page of HTML that needs nothing else: no script, nothing from elsewhere, and everything that rollouts and
 * graders wrote is escaped.
 */
export function reportPage(report: RegradingReport, madeAt: Date): string {
  const { grader, version, code_hash } = report
  const title = escapeHtml(`${grader}, graded again`)
  const change = changeInWords(report)
  const sections = [
    `<h1>${title}</h1>`,
    `<p class="soft">Version ${escapeHtml(version)}, code <code>${short(code_hash)}</code>, ${madeAt.toISOString()}</p>`,
    ...beforeInWords(report).map((words) => `<p class="soft">Before: ${escapeHtml(words)}</p>`),
    ...(change === undefined ? [] : [`<p class="warn">${escapeHtml(change)}</p>`]),
    tiles(report),
    charts(report),
    parts(report),
    withoutScore(report),
    movers(report),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body><main>
${sections.join('\n')}
</main></body>
</html>
`
}

function tiles(report: RegradingReport): string {
  const { mean_before, mean_after, spread } = report
  const difference = mean_before === null || mean_after === null ? '' : signed(mean_after - mean_before)
  const tile = (value: string, name: string) => `<div class="tile"><b>${value}</b><small>${name}</small></div>`
  return `<div class="tiles">${[
    tile(whole(report.scored), `scored, of ${whole(report.subjects)} recorded`),
    tile(`${whole(report.failed)} · ${whole(report.ungradable)}`, 'failed · ungradable'),
    ...(report.waiting > 0 ? [tile(whole(report.waiting), 'not graded yet')] : []),
    tile(`${fixed(mean_before, 3)} → ${fixed(mean_after, 3)}`, `mean of ${whole(report.compared)} ${difference}`),
    tile(whole(report.changed), `changed: ${whole(report.higher)} higher, ${whole(report.lower)} lower`),
    tile(fixed(report.spearman, 3), 'Spearman’s rank correlation'),
    tile(`${whole(report.newly_scored)} · ${whole(report.no_longer_scored)}`, 'newly scored · no longer'),
    tile(`${whole(spread.before)} → ${whole(spread.after)}`, `groups with spread, of ${whole(spread.groups)}`),
  ].join('')}</div>`
}

function charts(report: RegradingReport): string {
  if (report.compared === 0) return '<p class="soft">Nothing has a score both before and after.</p>'
  const keys = (words: string) => `<p><small>${words}</small></p>`
  const key = (kind: string, word: string) => `<span class="key ${kind}">${word}</span>`
  const moved = keys(key('u', 'higher') + key('d', 'lower') + key('', 'the same tenth'))
  const sides = keys(key('', 'before') + key('n', 'after'))
  return `<div class="charts">
<div class="chart"><h2>Before and after</h2>${scatter(report.histogram)}${moved}</div>
<div class="chart"><h2>Scores</h2>${histogram(report.histogram)}${sides}</div>
</div>`
}

function parts(report: RegradingReport): string {
  const rows = report.parts.map(({ name, before, after, count_before, count_after }) => [
    escapeHtml(name),
    fixed(before, 4),
    fixed(after, 4),
    before === null || after === null ? '–' : signed(after - before),
    `${whole(count_before)} → ${whole(count_after)}`,
  ])
  return table('Parts, in the mean', ['part', '#before', '#after', '#change', '#in so many'], rows)
}

function withoutScore(report: RegradingReport): string {
  const rows = report.without_score.map(({ outcome, code, count, rollout_id, reason }) => [
    outcome,
    escapeHtml(code ?? '–'),
    whole(count),
    `<code>${escapeHtml(rollout_id)}</code>`,
    escapeHtml(reason ?? '–'),
  ])
  return table('Without a score', ['outcome', 'code', '#rollouts', 'one of them', '~reason'], rows)
}

function movers(report: RegradingReport): string {
  const rows = report.movers.map(({ rollout_id, item_hash, before, after, before_reason, after_reason }) => [
    `${fixed(before, 4)} → <b class="${after > before ? 'up' : 'down'}">${fixed(after, 4)}</b>`,
    `<code>${escapeHtml(rollout_id)}</code><br><small>item ${short(item_hash)}</small>`,
    escapeHtml(before_reason ?? '–'),
    escapeHtml(after_reason ?? '–'),
  ])
  return table('Biggest movers', ['#score', 'rollout', '~reason before', '~reason after'], rows)
}

/** Cells are HTML; a heading that begins with # is of numbers, with ~ of reasons. */
function table(title: string, headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const kind = (at: number) => {
    const mark = headings[at]?.[0]
    return mark === '#' ? ' class="num"' : mark === '~' ? ' class="reason"' : ''
  }
  const head = headings.map((heading, at) => `<th${kind(at)}>${heading.replace(/^[#~]/, '')}</th>`).join('')
  const body = rows.map((row) => `<tr>${row.map((cell, at) => `<td${kind(at)}>${cell}</td>`).join('')}</tr>`)
  return `<h2>${title}</h2>
<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>
${body.join('\n')}
</tbody></table></div>`
}
