/** Why a request to elsewhere came to nothing. */
export type OutboundReason = 'refused' | 'timed_out' | 'unreachable' | 'status' | 'not_json' | 'too_large'

/** What an {@link OutboundError} may carry beside its reason and message. */
export interface OutboundErrorOptions {
  /** The HTTP status, where the reason is `status`. */
  readonly status?: number
  /** How long the server asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** The JSON that came with the status, undefined where it was none; in no message, for it may repeat a key. */
  readonly body?: unknown
}

/**
 * A request to elsewhere that came to nothing.
 *
 * - `refused`: it was not sent there, or not on to where a redirect pointed; the message says what to change.
 * - `timed_out`: no whole answer in its time.
 * - `unreachable`: no connection, or one that broke.
 * - `status`: an answer that is no 2xx.
 * - `not_json`, `too_large`: an answer that cannot be read.
 *
 * The message names scheme, host and port at most: paths, query strings and headers may hold keys.
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
