import { InvalidArgumentError } from 'commander'
import { parseMoment } from '../regrade/moment.ts'

/** Reads a moment, such as `2026-11-01`, or `7d` for seven days ago; what is none is wrong usage. */
export function moment(text: string): Date {
  try {
    return parseMoment(text, Date.now())
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

/** Reads the hash of an item, or the first digits of it, four at least. */
export function itemHash(text: string): string {
  if (/^[0-9a-f]{4,64}$/.test(text)) return text
  throw new InvalidArgumentError('It must be the hash of an item, or its first digits, four at least.')
}
