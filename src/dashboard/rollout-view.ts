import { stringifyExactly } from '../base/exact-json.ts'
import type { ReportedCause, RolloutReport } from '../ledger/reports/rollout-report.ts'

/** A message of an item. */
export interface ItemMessage {
  readonly role: string
  readonly text: string
}

/** A field of an item: its text, or its JSON. */
export interface ItemField {
  readonly name: string
  readonly text: string
}

/** An item as a person reads it: the messages that the model was given, and its other fields. */
export function splitItem(item: unknown): {
  readonly messages: readonly ItemMessage[]
  readonly fields: readonly ItemField[]
} {
  if (!isRecord(item)) return { messages: [], fields: [{ name: 'item', text: jsonText(item) }] }
  const { messages, ...rest } = Array.isArray(item['messages']) ? item : { ...item, messages: [] }
  const fields = Object.entries(rest).map(([name, value]) => ({
    name,
    text: typeof value === 'string' ? value : jsonText(value),
  }))
  if (!Array.isArray(messages)) return { messages: [], fields }
  const read = messages.map((message: unknown): ItemMessage => {
    if (!isRecord(message)) return { role: '?', text: stringifyExactly(message) }
    const { role, content, ...others } = message
    const text = typeof content === 'string' ? content : stringifyExactly(content)
    const more = Object.keys(others).length === 0 ? '' : `\n${stringifyExactly(others)}`
    return { role: String(role), text: `${text}${more}` }
  })
  return { messages: read, fields }
}

/** What an item asks: its last message, or the item as JSON. */
export function questionIn(item: unknown): string {
  if (item === null || item === undefined) return ''
  const { messages, fields } = splitItem(item)
  return messages.at(-1)?.text ?? fields.map(({ name, text }) => `${name}: ${text}`).join(' ')
}

/** A field of the state that a call changed; undefined if it changed none. */
export interface StateChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** The fields of the state that differ, by their names; the whole state, named `state`, unless both are objects. */
export function stateChanges(before: unknown, after: unknown): readonly StateChange[] {
  if (after === null || after === undefined) return []
  const was = before ?? {}
  if (!isRecord(was) || !isRecord(after)) return [{ field: 'state', before, after }]
  return [...new Set([...Object.keys(was), ...Object.keys(after)])]
    .filter((field) => stringifyExactly(was[field]) !== stringifyExactly(after[field]))
    .map((field) => ({ field, before: was[field], after: after[field] }))
}

/** What a change of the state did, on one line: `+ "a"` for what was added at the end of a list. */
export function changeText({ before, after }: StateChange): string {
  const [was, is] = [stringifyExactly(before ?? null), stringifyExactly(after ?? null)]
  if (Array.isArray(after) && after.length > 0 && (before === undefined || Array.isArray(before))) {
    const kept = before?.length ?? 0
    if (stringifyExactly(after.slice(0, kept)) === stringifyExactly(before ?? [])) {
      return after
        .slice(kept)
        .map((one) => `+ ${stringifyExactly(one)}`)
        .join('  ')
    }
  }
  if (before === undefined) return `= ${is}`
  return after === undefined ? `${was} removed` : `${was} → ${is}`
}

/** A value as JSON: on one line if it fits there. */
export function jsonText(value: unknown): string {
  const short = stringifyExactly(value)
  return short.length <= 100 ? short : stringifyExactly(value, 2)
}

/** When it began: its first call starts before the rollout is recorded. */
export function beganAt({ created_at, calls }: RolloutReport): string {
  return [created_at, ...calls.map(({ started_at }) => started_at)].reduce((least, one) => (one < least ? one : least))
}

/** An error and the errors that caused it, each in one line. */
export function causeLines(cause: ReportedCause | null): readonly string[] {
  const lines: string[] = []
  for (let one: ReportedCause | undefined = cause ?? undefined; one !== undefined; one = one.cause) {
    lines.push(`${one.type ?? 'error'}: ${one.message ?? ''}${one.code === undefined ? '' : ` (${one.code})`}`)
  }
  return lines
}

/** What the model answered, from a sample: its text, else the sample as JSON. */
export function answerIn(sample: unknown): string {
  const text = isRecord(sample) ? sample['output_text'] : undefined
  return typeof text === 'string' ? text : stringifyExactly(sample, 2)
}

/** How long something took, from two timestamps; undefined if it has not ended. */
export function took(from: string, to: string | null): string | undefined {
  return to === null ? undefined : durationText(Date.parse(to) - Date.parse(from))
}

/** A duration for a person: `12 ms`, `3.4 s`, `5 min`. */
export function durationText(ms: number): string {
  if (ms < 1) return '< 1 ms'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${Math.round(ms / 60_000)} min`
}

/** How long after the beginning something happened: `+3.4 s`. */
export function offsetText(began: string, at: string): string {
  const ms = Math.max(0, Date.parse(at) - Date.parse(began))
  return `+${ms < 1 ? '0 ms' : durationText(ms)}`
}

/** A timestamp for a person, in UTC: `2026-11-30 05:10:22`. */
export const timeText = (timestamp: string): string => timestamp.slice(0, 19).replace('T', ' ')

/** A score or a part, without a tail of zeros. */
export const scoreText = (score: number): string => String(Number(score.toPrecision(6)))

/** The rollout's stage: open, ended, or ended and released. */
export function stageText({ outcome, ended_at, released_at, graded_at, due_at }: RolloutReport): string {
  if (ended_at === null)
    return `open${graded_at === null ? '' : ', graded'}; ends ${timeText(due_at)} unless it is used`
  const ended = `ended ${timeText(ended_at)}, ${outcome}`
  return released_at === null ? `${ended}; what it holds is not released yet` : ended
}

/** `1 call`, `2 calls`. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`

/** How many of a list have each value, most frequent first: `2 ok, 1 refused`. */
export function countsText(values: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([value, count]) => `${count} ${value}`)
    .join(', ')
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
