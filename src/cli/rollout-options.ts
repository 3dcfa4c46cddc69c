import { InvalidArgumentError } from 'commander'
import type { Condition } from '../ledger/reports/condition.ts'
import { parseMoment } from '../workbench/regrade/moment.ts'
import { parseWhere } from '../workbench/regrade/where.ts'

/** Reads a moment, such as `2026-11-01`, or `7d` for seven days ago; what is none is wrong usage. */
export function moment(text: string): Date {
  return saying(() => parseMoment(text, Date.now()))
}

/** Reads conditions, and puts them to those before them. */
export const conditions = (text: string, before: readonly Condition[] = []): readonly Condition[] => [
  ...before,
  ...saying(() => parseWhere(text)),
]

/** Says in commander's way what is wrong. */
export function saying<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

/** Reads the hash of an item, or the first digits of it, four at least. */
export function itemHash(text: string): string {
  if (/^[0-9a-f]{4,64}$/.test(text)) return text
  throw new InvalidArgumentError('It must be the hash of an item, or its first digits, four at least.')
}
