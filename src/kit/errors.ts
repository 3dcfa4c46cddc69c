/**
 * Thrown by a tool when the call is the model's fault. The model reads the message, so say what was wrong and what to
 * try. The call is recorded as `refused` and answered with HTTP 200, and what the tool wrote through `tx` is rolled back.
 *
 * @example throw new ToolError(`no document at "${path}"; use list to see what is there`)
 */
export class ToolError extends Error {
  override readonly name = 'ToolError'
}

/**
 * Thrown by an environment's `begin` when the item cannot be used. Nothing is recorded, and the trainer reads the message
 * with a 422.
 *
 * @example throw new ItemError(`the letter names order ${id}, which the shop does not have`)
 */
export class ItemError extends Error {
  override readonly name = 'ItemError'
}

/** Optional properties of a {@link RequestError}. */
export interface RequestErrorOptions {
  /** The underlying error, for the operator's log; never shown to the caller. */
  readonly cause?: unknown
  /** Sent as `Retry-After`, in whole seconds. */
  readonly retryAfterSeconds?: number
  /** Additional fields of the log line. Must not hold secrets, items or answers. */
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * A request that is not answered with 200. `status` tells the trainer what to do (a 4xx is shown to the model, a 5xx is
 * retried), `code` is stable and meant for programs, `message` is meant for people and models.
 */
export class RequestError extends Error {
  override readonly name: string = 'RequestError'
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 500 | 503 | 504
  readonly code: string
  readonly retryAfterSeconds: number | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(status: RequestError['status'], code: string, message: string, options: RequestErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds
    this.details = options.details ?? {}
  }
}

/**
 * Thrown if a rollout cannot be graded, and neither the model nor the grader is at fault: one of its calls failed, or a
 * judge does not answer. The grading is recorded as `ungradable` and answered with a 5xx, so that the trainer discards the
 * rollout instead of learning from a zero. Throw it in a grader when a service that it depends on is unavailable.
 *
 * @example throw new UngradableError(503, 'simulator_unavailable', 'the simulator does not answer', { cause })
 */
export class UngradableError extends RequestError {
  override readonly name = 'UngradableError'

  constructor(status: 500 | 503 | 504, code: string, message: string, options: RequestErrorOptions = {}) {
    super(status, code, message, options)
  }
}

/** Why a request was not authorized. Stable, for programs. */
export type AuthErrorCode =
  | 'missing_token'
  | 'invalid_token'
  | 'expired_token'
  | 'insufficient_scope'
  | 'run_forbidden'
  | 'keys_unavailable'

const status = {
  missing_token: 401,
  invalid_token: 401,
  expired_token: 401,
  insufficient_scope: 403,
  run_forbidden: 403,
  keys_unavailable: 503,
} as const satisfies Record<AuthErrorCode, RequestError['status']>

/**
 * A request that is not authorized (401, 403), or whose token cannot be verified now (503, with `retryAfterSeconds`).
 * `message` says what was wrong and ends with `hint`, which says what to do. Neither contains a token or a key.
 */
export class AuthError extends RequestError {
  declare readonly code: AuthErrorCode
  /** What the caller can do about it; also the end of `message`. */
  readonly hint: string

  constructor(code: AuthErrorCode, problem: string, hint: string, options: RequestErrorOptions = {}) {
    super(status[code], code, `${problem} ${hint}`, options)
    this.hint = hint
  }
}

/**
 * The `WWW-Authenticate` header of a 401 or 403 (RFC 6750 §3), or undefined for a 503.
 *
 * @example challenge(error) // 'Bearer realm="scorekeeper", error="invalid_token"'
 */
export function challenge(error: AuthError): string | undefined {
  const realm = 'Bearer realm="scorekeeper"'
  if (error.code === 'keys_unavailable') return undefined
  if (error.code === 'missing_token') return realm
  return `${realm}, error="${isForbidden(error) ? 'insufficient_scope' : 'invalid_token'}"`
}

const isForbidden = ({ status }: AuthError) => status === 403
