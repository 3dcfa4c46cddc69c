import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { RequestError } from '../kit/errors.ts'

/** A new id of a request, for the header `x-request-id`: `req_` and 32 hex digits. */
export const requestId = (): string => `req_${randomUUID().replaceAll('-', '')}`

/** Formats an id for a header, percent-encoded if necessary: a trainer's ids may contain any character. */
export function headerValue(text: string): string {
  return /^[\x21-\x24\x26-\x7e]+$/.test(text) ? text : encodeURIComponent(text)
}

/**
 * Creates the handler of an address for all methods without a handler: OPTIONS is answered with the allowed methods, any
 * other with a 405 that lists them. Both have the list in the header `allow`.
 *
 * @param methods such as `GET, HEAD`; OPTIONS is added
 */
export function onlyBy(methods: string): (c: Context) => Response {
  return (c) => {
    c.header('allow', `${methods}, OPTIONS`)
    if (c.req.method === 'OPTIONS') return c.body(null, 204)
    throw new RequestError(405, 'method_not_allowed', `this address is called by ${methods}, not by ${c.req.method}`)
  }
}
