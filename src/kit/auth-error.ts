import { RequestError, type RequestErrorOptions } from './errors.ts'

/** Why a caller was turned away. Stable: programs may look at it. */
export type AuthErrorCode =
  | 'missing_token'
  | 'invalid_token'
  | 'expired_token'
  | 'insufficient_scope'
  | 'keys_unavailable'

const STATUS = {
  missing_token: 401,
  invalid_token: 401,
  expired_token: 401,
  insufficient_scope: 403,
  keys_unavailable: 503,
} as const satisfies Record<AuthErrorCode, RequestError['status']>

/**
 * A caller who may not do what was asked (401, 403), or whose token cannot be judged now (503, with `retryAfterSeconds`).
 * `message` says what was wrong and ends with `hint`, which says what to do. Neither ever holds a token or a key.
 */
export class AuthError extends RequestError {
  declare readonly code: AuthErrorCode
  /** What the reader can do about it; already the end of `message`. */
  readonly hint: string

  constructor(code: AuthErrorCode, problem: string, hint: string, options: RequestErrorOptions = {}) {
    super(STATUS[code], code, `${problem} ${hint}`, options)
    this.hint = hint
  }
}

/**
 * The `WWW-Authenticate` header that belongs to a 401 or 403 (RFC 6750 §3), or undefined for a 503.
 *
 * @example challenge(error) // 'Bearer realm="scorekeeper", error="invalid_token"'
 */
export function challenge(error: AuthError): string | undefined {
  const realm = 'Bearer realm="scorekeeper"'
  if (error.code === 'keys_unavailable') return undefined
  if (error.code === 'missing_token') return realm
  return `${realm}, error="${error.code === 'insufficient_scope' ? 'insufficient_scope' : 'invalid_token'}"`
}
