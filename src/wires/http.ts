import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { getPathNoStrict } from 'hono/utils/url'
import { RequestError } from '../kit/errors.ts'

/** A new id of a request, for the header `x-request-id`: `req_` and 32 hex digits. */
export const requestId = (): string => `req_${randomUUID().replaceAll('-', '')}`

/** The path of a request as it was sent: `c.req.path` lacks the run at its front. */
export const pathOf = (c: Context): string => getPathNoStrict(c.req.raw)

/** Formats an id for a header, percent-encoded if necessary: a trainer's ids may contain any character. */
export function headerValue(text: string): string {
  return /^[\x21-\x24\x26-\x7e]+$/.test(text) ? text : encodeURIComponent(text)
}

/** An answer as plain values, of which a `Response` or an answer of Node's HTTP server is made. */
export interface PlainAnswer<Status extends number = number> {
  readonly status: Status
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** An answer with status 200 as a `Response`. */
export function jsonAnswer(body: unknown, headers: Readonly<Record<string, string>>): Response {
  return responseOf({ status: 200, headers: { ...jsonType, ...headers }, body: JSON.stringify(body) })
}

/** The header field that every answer with JSON has. */
export const jsonType = { 'content-type': 'application/json' } as const

/** Makes a `Response`. Plain header fields, because building a `Headers` for each answer shows in the rate of calls. */
export function responseOf({ status, headers, body }: PlainAnswer): Response {
  return new Response(body, { status, headers })
}

/** Reads header fields by their lowercase names. */
export type HeaderReader = Pick<Headers, 'get'>

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

/** What a caller that was let in may use. */
export interface Access {
  /** The name of the caller's key, or its token's subject. */
  readonly key: string
  /**
   * The run of the request: the one that its address or its header names, else `other`, else the key's own.
   *
   * @param other a run that the body names
   * @throws RequestError 400 `run_conflict` if the request names two, 400 `run_required` if it must name one, 400
   * `invalid_run` and 403 `run_forbidden` for `other`.
   */
  run(other?: string): string
}
