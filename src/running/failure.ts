import { isUnavailable } from '../database.ts'
import { RequestError } from '../errors.ts'

/**
 * What an error of ours is to the trainer: 503 when the database is away, else 500; the cause is for the log alone. A
 * `RequestError` stays what it is, with the facts added.
 */
export function failureOf(
  cause: unknown,
  facts: Readonly<Record<string, unknown>>,
  otherwise: { readonly code: string; readonly message: string },
): RequestError {
  if (cause instanceof RequestError) {
    const options = { cause: cause.cause, details: { ...cause.details, ...facts } }
    const { retryAfterSeconds } = cause
    return new RequestError(cause.status, cause.code, cause.message, {
      ...options,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    })
  }
  if (isUnavailable(cause)) {
    const message = 'the database is away; try again'
    return new RequestError(503, 'database_unavailable', message, { cause, details: facts, retryAfterSeconds: 2 })
  }
  return new RequestError(500, otherwise.code, otherwise.message, { cause, details: facts })
}
