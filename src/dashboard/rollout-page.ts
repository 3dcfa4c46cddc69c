import { html } from 'hono/html'
import { stringifyExactly } from '../base/exact-json.ts'
import type { ReportedCall, ReportedGrading, RolloutReport } from '../ledger/reports/rollout-report.ts'
import { type Html, page, type Tile, tiles, visible } from './components/page.ts'
import {
  answerIn,
  beganAt,
  causeLines,
  changeText,
  counted,
  countsText,
  durationText,
  jsonText,
  offsetText,
  scoreText,
  splitItem,
  stageText,
  stateChanges,
  timeText,
  took,
} from './rollout-view.ts'

/** A page of HTML with all that is recorded of a rollout; long texts are collapsed. */
export function rolloutPage(report: RolloutReport): Promise<string> {
  const { calls, gradings, replays } = report
  const { messages, fields } = splitItem(report.item)
  const start = beganAt(report)
  const began = [timeText(start), report.wire, report.key && `key ${report.key}`]
  return page(visible(`Rollout ${report.run}/${report.rollout}`), [
    html`<p class="soft">Attempt ${report.attempt} of ${report.attempts}, number ${report.number}. Began ${visible(
      began.filter((part) => part !== null).join(', '),
    )}; ${stageText(report)}. Times are UTC.</p>
${tiles(figures(report))}`,
    html`<h2>Item <code class="soft">${report.item_hash.slice(0, 12)}</code></h2>
${messages.map(({ role, text }) => html`<section class="card"><b>${visible(role)}</b>${block(text)}</section>`)}
${fields.length === 0 ? '' : html`<dl>${fields.map(({ name, text }) => html`<dt>${visible(name)}</dt><dd>${block(text)}</dd>`)}</dl>`}`,
    html`<h2>Calls</h2>
${calls.length === 0 ? html`<p class="soft">The model called no tool.</p>` : calls.map((call) => callCard(call, start))}
${replays.calls + replays.gradings === 0 ? '' : html`<p class="soft">Answered from the ledger: ${counted(replays.calls, 'call')}, ${counted(replays.gradings, 'grading')}.</p>`}`,
    report.state === null ? html`` : html`<h2>State</h2>${block(stringifyExactly(report.state, 2))}`,
    html`<h2>Gradings</h2>
${gradings.length === 0 ? html`<p class="soft">It is not graded.</p>` : gradings.map(gradingCard)}`,
  ])
}

function figures({ calls, gradings }: RolloutReport): readonly Tile[] {
  const sent = gradings.filter(({ source, outcome }) => source === 'trainer' && outcome === 'scored').at(-1)
  const last = gradings.filter(({ source }) => source === 'trainer').at(-1)
  const score = sent?.score ?? undefined
  const spent = calls.reduce(
    (sum, call) => sum + Math.max(0, Date.parse(call.finished_at ?? call.started_at) - Date.parse(call.started_at)),
    0,
  )
  return [
    [
      score === undefined ? '–' : scoreText(score),
      sent === undefined ? (last?.outcome ?? 'not graded') : `score of ${visible(sent.grader)}`,
    ],
    [
      String(calls.length),
      calls.length === 0
        ? 'calls'
        : `${calls.length === 1 ? 'call' : 'calls'}: ${countsText(calls.map(({ outcome }) => outcome))}`,
    ],
    [calls.length === 0 ? '–' : durationText(spent), 'in tools'],
  ]
}

const kinds: Readonly<Record<string, string>> = { ok: 'good', scored: 'good', failed: 'bad' }

const pill = (outcome: string): Html => html`<span class="pill ${kinds[outcome] ?? 'warn'}">${outcome}</span>`

function callCard(call: ReportedCall, began: string): Html {
  const notes = [
    call.code,
    took(call.started_at, call.finished_at),
    offsetText(began, call.started_at),
    call.call_id,
    call.nth > 1 ? `use ${call.nth} of this id` : undefined,
    call.execution > 1 ? `execution ${call.execution}` : undefined,
  ]
  const causes = causeLines(call.cause)
  const stack = call.cause?.stack
  const changes = stateChanges(call.state_before, call.state_after)
  return html`<section class="card"><header><small>${call.seq}</small> <b>${visible(call.tool)}</b> ${pill(call.outcome)}
<small>${visible(notes.filter((note) => note !== null && note !== undefined).join(' · '))}</small></header>
${block(jsonText(call.arguments), 'asked')}
${call.output === '' ? '' : block(call.output)}
${causes.length === 0 ? '' : html`<pre class="note bad">${visible(causes.join('\n'))}</pre>`}
${stack === undefined ? '' : html`<details><summary>stack</summary><pre>${visible(stack)}</pre></details>`}
${changes.map((change) => html`<p class="state"><small>state ${visible(change.field)}</small> <code>${visible(changeText(change))}</code></p>`)}</section>
`
}

function gradingCard(grading: ReportedGrading): Html {
  const { score, parts, reason, sample } = grading
  const notes = [
    grading.code,
    durationText(grading.duration_ms),
    timeText(grading.created_at),
    grading.source === 'regrade' ? 'regrading' : null,
  ]
  const named = Object.entries(parts ?? {})
  return html`<section class="card"><header><b>${visible(grading.grader)}</b> <small>${visible(grading.version)}</small> ${pill(grading.outcome)}
${score === null ? '' : html`<b>${scoreText(score)}</b>`} <small>${visible(notes.filter((note) => note !== null).join(' · '))}</small></header>
${named.length === 0 ? '' : html`<p>${named.map(([name, part]) => html`<span class="part"><small>${visible(name)}</small> ${scoreText(part)}</span>`)}</p>`}
${reason === null ? '' : html`<p class="reason">${visible(reason)}</p>`}
${block(answerIn(sample), 'asked')}</section>
`
}

/** Longer texts begin collapsed, with their first lines as the summary. */
const mostLines = 12
const mostCharacters = 1_500

function block(text: string, kind = ''): Html {
  const shown = visible(text).trimEnd()
  const lines = shown.split('\n')
  if (lines.length <= mostLines && shown.length <= mostCharacters) return html`<pre class="${kind}">${shown}</pre>`
  const first = lines.slice(0, 4).join('\n').slice(0, 400)
  return html`<details class="long"><summary><pre class="${kind}">${first} …</pre><small>${lines.length} lines, ${shown.length.toLocaleString('en-US')} characters</small></summary><pre class="${kind}">${shown}</pre></details>`
}
