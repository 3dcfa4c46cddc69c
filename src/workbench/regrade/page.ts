import { html } from 'hono/html'
import { histogram, scatter } from '../../dashboard/components/charts.ts'
import { rolloutAddress } from '../../dashboard/components/links.ts'
import { type Html, page, type Tile, table, tiles, visible } from '../../dashboard/components/page.ts'
import type { Mover, RegradingReport } from '../../ledger/reports/regrading-report.ts'
import { beforeInWords, callText, changeInWords, fixed, short, signed, whole } from './format.ts'

/**
 * The report as a page of HTML in one file; everything that rollouts and graders wrote is escaped.
 *
 * @param server the address of the server whose dashboard shows the rollouts; undefined for no links
 */
export function reportPage(report: RegradingReport, madeAt: Date, server?: string): Promise<string> {
  const { grader, version, code_hash } = report
  const change = changeInWords(report)
  return page(`${visible(grader)}, re-graded`, [
    html`<p class="soft">Version ${visible(version)}, code <code>${short(code_hash)}</code>, ${madeAt.toISOString()}</p>
${beforeInWords(report).map((words) => html`<p class="soft">Before: ${visible(words)}</p>`)}
${change === undefined ? '' : html`<p class="note warn">${visible(change)}</p>`}
${summary(report)}
${charts(report)}
${parts(report)}
${withoutScore(report, server)}
${movers(report, server)}`,
  ])
}

/** A rollout's id, as a link to its page where there is one. */
function rolloutOf({ run, rollout_id, attempt }: Pick<Mover, 'run' | 'rollout_id' | 'attempt'>, server?: string): Html {
  const id = html`<code>${visible(rollout_id)}</code>`
  if (server === undefined) return id
  return html`<a href="${rolloutAddress(server, { run, rollout: rollout_id, attempt })}">${id}</a>`
}

function summary(report: RegradingReport): Html {
  const { mean_before, mean_after, spread } = report
  const difference = mean_before === null || mean_after === null ? '' : signed(mean_after - mean_before)
  const waiting: readonly Tile[] = report.waiting > 0 ? [[whole(report.waiting), 'not graded yet']] : []
  return tiles([
    [whole(report.scored), `scored, of ${whole(report.subjects)} recorded`],
    [`${whole(report.failed)} · ${whole(report.ungradable)}`, 'failed · ungradable'],
    ...waiting,
    [`${fixed(mean_before, 3)} → ${fixed(mean_after, 3)}`, `mean of ${whole(report.compared)} ${difference}`],
    [whole(report.changed), `changed: ${whole(report.higher)} higher, ${whole(report.lower)} lower`],
    [fixed(report.spearman, 3), 'Spearman’s rank correlation'],
    [`${whole(report.newly_scored)} · ${whole(report.no_longer_scored)}`, 'newly scored · no longer'],
    [`${whole(spread.before)} → ${whole(spread.after)}`, `groups with spread, of ${whole(spread.groups)}`],
  ])
}

function charts(report: RegradingReport): Html {
  if (report.compared === 0) return html`<p class="soft">No sample has a score both before and after.</p>`
  const both = [scatter('Before and after', report.histogram), histogram('Scores', report.histogram)]
  return html`<div class="charts">${both}</div>`
}

function parts(report: RegradingReport) {
  const rows = report.parts.map(({ name, before, after, count_before, count_after }) => [
    visible(name),
    fixed(before, 4),
    fixed(after, 4),
    before === null || after === null ? '–' : signed(after - before),
    `${whole(count_before)} → ${whole(count_after)}`,
  ])
  return table(
    'Mean of each part',
    [['part'], ['before', 'num'], ['after', 'num'], ['change', 'num'], ['scores', 'num']],
    rows,
  )
}

function withoutScore(report: RegradingReport, server: string | undefined) {
  const rows = report.without_score.map(({ outcome, code, count, reason, ...rollout }) => [
    outcome,
    visible(code ?? '–'),
    whole(count),
    rolloutOf(rollout, server),
    visible(reason ?? '–'),
  ])
  const columns = [['outcome'], ['code'], ['rollouts', 'num'], ['one of them'], ['reason', 'text']] as const
  return table('Without a score', columns, rows)
}

function movers(report: RegradingReport, server: string | undefined) {
  const rows = report.movers.map(({ item_hash, before, after, question, answer, calls, ...more }) => [
    html`${fixed(before, 4)} → <b class="${after > before ? 'up' : 'down'}">${fixed(after, 4)}</b>`,
    html`${rolloutOf(more, server)}<br><small>item ${short(item_hash)}</small>`,
    visible(question ?? '–'),
    visible(calls.map(callText).join('\n') || '–'),
    visible(answer ?? '–'),
    html`<small>before</small>
${visible(more.before_reason ?? '–')}
<small>after</small>
${visible(more.after_reason ?? '–')}`,
  ])
  const texts = [
    ['question', 'text'],
    ['calls', 'text'],
    ['answer', 'text'],
    ['reasons', 'text'],
  ] as const
  return table('Largest changes', [['score', 'num'], ['rollout'], ...texts], rows)
}
