import { styleText } from 'node:util'
import { stringifyExactly } from '../../base/exact-json.ts'
import { visible } from '../../dashboard/components/page.ts'
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
} from '../../dashboard/rollout-view.ts'
import type { ReportedCall, ReportedGrading, RolloutReport } from '../../ledger/reports/rollout-report.ts'

/** How a rollout is printed. */
export interface ShowStyle {
  readonly isColoured: boolean
  /** Prints long texts whole. */
  readonly isFull: boolean
}

type Kind = 'title' | 'soft' | 'good' | 'bad' | 'warn' | 'name'

const formats = {
  title: 'bold',
  soft: 'dim',
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  name: 'cyan',
} as const

/** Texts longer than this are folded. */
const mostLines = 8
const mostCharacters = 1_200

/** Prints a rollout for a terminal: the item, the calls and the gradings. Control characters of the texts are removed. */
export function showText(report: RolloutReport, { isColoured, isFull }: ShowStyle): string {
  const paint = (kind: Kind, text: string) => (isColoured ? styleText(formats[kind], text) : text)
  const block = (text: string, margin: string) => indented(folded(visible(text), isFull, paint), margin)
  const { calls, gradings, replays } = report
  const { messages, fields } = splitItem(report.item)

  const began = beganAt(report)
  const field = (name: string, text: string) => `  ${paint('soft', name.padEnd(8))} ${text}`
  const head = [
    paint('title', visible(`${report.run}/${report.rollout}`)) +
      paint('soft', `  attempt ${report.attempt} of ${report.attempts}, number ${report.number}`),
    field('began', [timeText(began), ...origin(report)].join(', ')),
    field('stage', stageText(report)),
    ...(replays.calls + replays.gradings === 0
      ? []
      : [
          field(
            'replays',
            `${counted(replays.calls, 'call')}, ${counted(replays.gradings, 'grading')} answered from the ledger`,
          ),
        ]),
  ]

  const names = [...messages.map(({ role }) => role), ...fields.map(({ name }) => name)]
  const width = Math.min(20, Math.max(...names.map((name) => name.length)))
  const entry = (kind: Kind, name: string, text: string) =>
    `  ${paint(kind, visible(name).padEnd(width))}  ${block(text, ' '.repeat(width + 4)).trimStart()}`
  const item = [
    `${paint('title', 'Item')} ${paint('soft', report.item_hash.slice(0, 12))}`,
    ...messages.map(({ role, text }) => entry('name', role, text)),
    ...fields.map(({ name, text }) => entry('soft', name, text)),
  ]

  const callLines = (call: ReportedCall) => [
    `  ${paint('soft', String(call.seq).padStart(2))}  ${paint('name', visible(call.tool))}  ${outcome(call.outcome)}  ${paint('soft', visible(callNotes(call, began)))}`,
    block(jsonText(call.arguments), '      '),
    ...(call.output === '' ? [] : [`    ${paint('soft', '→')} ${block(call.output, '      ').trimStart()}`]),
    ...causeLines(call.cause).map(
      (line, at) => `      ${paint('bad', visible(`${at === 0 ? 'cause' : 'from'}  ${line}`))}`,
    ),
    ...stateChanges(call.state_before, call.state_after).map(
      (change) =>
        `      ${paint('warn', `state  ${visible(change.field)}`)} ${block(changeText(change), '      ').trimStart()}`,
    ),
  ]

  const gradingLines = (grading: ReportedGrading) => [
    `  ${paint('name', visible(grading.grader))} ${paint('soft', visible(grading.version))}  ${outcome(grading.outcome)}${grading.score === null ? '' : ` ${paint('title', scoreText(grading.score))}`}  ${paint('soft', visible(gradingNotes(grading)))}`,
    ...partsLines(grading.parts, (name) => paint('soft', name)),
    ...(grading.reason === null ? [] : [block(grading.reason, '      ')]),
    `    ${paint('soft', 'sample')} ${block(answerIn(grading.sample), '           ').trimStart()}`,
  ]
  const outcome = (text: string) => paint(outcomeKinds[text] ?? 'warn', text)

  const sections = [
    head,
    item,
    [
      `${paint('title', counted(calls.length, 'call'))}${calls.length === 0 ? '' : paint('soft', `: ${countsText(calls.map((call) => call.outcome))}`)}`,
    ],
    ...calls.map(callLines),
    ...(report.state === null ? [] : [[paint('title', 'State'), block(stringifyExactly(report.state, 2), '  ')]]),
    [`${paint('title', counted(gradings.length, 'grading'))}`],
    ...gradings.map(gradingLines),
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

const outcomeKinds: Readonly<Record<string, Kind>> = { ok: 'good', scored: 'good', failed: 'bad', refused: 'warn' }

const origin = ({ wire, key }: RolloutReport) => [
  ...(wire === null ? [] : [visible(wire)]),
  ...(key === null ? [] : [`key ${visible(key)}`]),
]

function callNotes(call: ReportedCall, began: string): string {
  const notes = [
    call.code,
    took(call.started_at, call.finished_at),
    offsetText(began, call.started_at),
    call.call_id,
    call.nth > 1 ? `use ${call.nth} of this id` : undefined,
    call.execution > 1 ? `execution ${call.execution}` : undefined,
  ]
  return notes.filter((note) => note !== null && note !== undefined).join(' · ')
}

function gradingNotes({ code, source, duration_ms, created_at }: ReportedGrading): string {
  const notes = [code, durationText(duration_ms), timeText(created_at), source === 'regrade' ? 'regrading' : null]
  return notes.filter((note) => note !== null).join(' · ')
}

function partsLines(parts: Readonly<Record<string, number>> | null, soft: (text: string) => string): string[] {
  const named = Object.entries(parts ?? {}).map(([name, score]) => `${soft(visible(name))} ${scoreText(score)}`)
  return named.length === 0 ? [] : [`      ${named.join('   ')}`]
}

function indented(text: string, margin: string): string {
  return text.replaceAll(/^/gm, margin)
}

function folded(text: string, isFull: boolean, paint: (kind: Kind, text: string) => string): string {
  const trimmed = text.trimEnd()
  const lines = trimmed.split('\n')
  if (isFull || (lines.length <= mostLines && trimmed.length <= mostCharacters)) return trimmed
  const kept = lines
    .slice(0, mostLines - 1)
    .join('\n')
    .slice(0, mostCharacters)
  const left = lines.length - kept.split('\n').length
  const characters = trimmed.length - kept.length
  const more = left > 0 ? counted(left, 'more line') : counted(characters, 'more character')
  return `${kept}\n${paint('soft', `… ${more}; --full shows them`)}`
}
