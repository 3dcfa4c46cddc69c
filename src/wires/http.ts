import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { RequestError } from '../kit/errors.ts'

/** A new id of a request, for the header `x-request-id`: `req_` and 32 hex digits. */
export const requestId = (): string => `req_${randomUUID().replaceAll('-', '')}`

/** An id as a header may carry it, percent-encoded where it must be: a trainer's ids may hold anything. */
export function headerValue(text: string): string {
  return /^[\x21-\x24\x26-\x7e]+$/.test(text) ? text : encodeURIComponent(text)
}

/**
 * Makes the handler of an address for every method that no other handler has taken: OPTIONS is answered with the methods that
 * are allowed, and any other with a 405 that lists them. Both have the list in the header `allow`.
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
