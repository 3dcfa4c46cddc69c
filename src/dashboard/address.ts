import type { Context } from 'hono'
import { RequestError } from '../kit/errors.ts'

/** The most that an `int` of Postgres holds, and the last millisecond that a `Date` has. */
const mostInt = 2 ** 31 - 1
const lastMs = 8.64e15

/** A whole number from 0 to `most` in an address; undefined for anything else. */
export function wholeNumberIn(text: string | undefined, most = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const value = Number(text)
  return value <= most ? value : undefined
}

/** A count or a position that Postgres stores as `int`. */
export const intIn = (text: string | undefined): number | undefined => wholeNumberIn(text, mostInt)

/** A time in milliseconds since 1970. */
export const timeIn = (text: string | undefined): number | undefined => wholeNumberIn(text, lastMs)

/** Text in an address as Postgres can compare it: without U+0000, which no stored text contains. */
export const textIn = (text: string | undefined): string => (text ?? '').replaceAll('\u0000', '\ufffd')

/** The number of the rollout in the path. Throws a 404 for one that cannot exist. */
export function rolloutNumberIn(c: Context): number {
  const number = wholeNumberIn(c.req.param('number')?.replace(/\.json$/, ''))
  if (number === undefined) throw noRollout()
  return number
}

/** The error for a rollout that does not exist. */
export const noRollout = (): RequestError =>
  new RequestError(404, 'not_found', 'the rollout does not exist; it may have been deleted')
