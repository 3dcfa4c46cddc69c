import { InvalidArgumentError } from '@commander-js/extra-typings'
import type { Condition } from '../../ledger/reports/condition.ts'
import { parseWhere } from '../../workbench/regrade/where.ts'

const seconds: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400, w: 604_800 }
const isoTimestamp = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/

/**
 * Reads a timestamp: a date or time in ISO 8601, UTC where it names no zone, or how long ago, in minutes, hours, days or
 * weeks.
 *
 * @throws Error that says how to write it.
 * @example parseTimestamp('7d', Date.now())
 * @example parseTimestamp('2026-11-01', Date.now())
 */
export function parseTimestamp(text: string, now: number): Date {
  const ago = /^(\d{1,6})([mhdw])$/.exec(text)
  if (ago !== null) return new Date(now - Number(ago[1]) * (seconds[ago[2] ?? ''] ?? 0) * 1000)
  const [, year, month, day, zone] = isoTimestamp.exec(text) ?? []
  const isUtc = text.length > 10 && zone === undefined
  const timestamp = new Date(isDate(year, month, day) ? `${text.replace(' ', 'T')}${isUtc ? 'Z' : ''}` : Number.NaN)
  if (Number.isNaN(timestamp.getTime())) {
    throw new Error(
      `"${text}" is not a valid timestamp: write 2026-11-01, 2026-11-01T12:00Z, or 90m, 36h, 7d, 2w for how long ago`,
    )
  }
  return timestamp
}

/** Whether a day exists: `Date` takes 30 February for 2 March. */
function isDate(year: string | undefined, month: string | undefined, day: string | undefined): boolean {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
}

/** Reads the timestamp of an option, such as `2026-11-01`, or `7d` for seven days ago. */
export function timestamp(text: string): Date {
  return asArgument(() => parseTimestamp(text, Date.now()))
}

/** Reads conditions, and adds them to those of earlier options. */
export function conditions(text: string, before: readonly Condition[] = []): readonly Condition[] {
  return [...before, ...asArgument(() => parseWhere(text))]
}

/** Reads the value of an option; an error becomes one of commander's, which is wrong usage. */
export function asArgument<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

/** Reads the hash of an item, or its first digits, four at least. */
export function itemHash(text: string): string {
  if (/^[0-9a-f]{4,64}$/.test(text)) return text
  throw new InvalidArgumentError('It must be the hash of an item, or its first digits, four at least.')
}
