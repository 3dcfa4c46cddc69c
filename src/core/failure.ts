import { concealed } from '../base/redact.ts'
import { RequestError } from '../kit/errors.ts'
import { isUnavailable } from '../postgres/database.ts'

/**
 * What an error of ours is to the trainer: 503 when the database is away, else 500; the cause is for the log alone, and
 * without what stands in `content`. A `RequestError` stays what it is, with the facts added.
 */
export function failureOf(
  cause: unknown,
  facts: Readonly<Record<string, unknown>>,
  otherwise: { readonly code: string; readonly message: string },
  content: unknown,
): RequestError {
  if (cause instanceof RequestError) {
    const { retryAfterSeconds } = cause
    const options = {
      details: { ...cause.details, ...facts },
      ...(cause.cause !== undefined && { cause: concealed(cause.cause, content) }),
    }
    return new RequestError(cause.status, cause.code, cause.message, {
      ...options,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    })
  }
  const told = { cause: concealed(cause, content), details: facts }
  if (isUnavailable(cause)) {
    const message = 'the database is away; try again'
    return new RequestError(503, 'database_unavailable', message, { ...told, retryAfterSeconds: 2 })
  }
  return new RequestError(500, otherwise.code, otherwise.message, told)
}
