/** Why an outbound request failed. */
export type OutboundReason = 'refused' | 'timed_out' | 'unreachable' | 'status' | 'not_json' | 'too_large'

/** The optional fields of an {@link OutboundError}. */
export interface OutboundErrorOptions {
  /** The HTTP status, if the reason is `status`. */
  readonly status?: number
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** The JSON of the answer, undefined if it was not JSON. Never part of a message, because it may repeat a key. */
  readonly body?: unknown
}

/**
 * An outbound request that failed.
 *
 * - `refused`: the address, or the target of a redirect, is not allowed; the message says what to change.
 * - `timed_out`: no complete answer in time.
 * - `unreachable`: no connection, or a broken one.
 * - `status`: an answer other than 2xx.
 * - `not_json`, `too_large`: an answer that cannot be read.
 *
 * The message contains at most scheme, host and port: paths, query strings and headers may contain keys.
 */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  readonly reason: OutboundReason
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined
  readonly body: unknown

  constructor(reason: OutboundReason, message: string, options: OutboundErrorOptions = {}) {
    super(message)
    this.reason = reason
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
    this.body = options.body
  }
}
