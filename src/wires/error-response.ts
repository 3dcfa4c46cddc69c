import type { Context } from 'hono'
import type { Log } from '../base/log.ts'
import { shorten } from '../base/text.ts'
import { AuthError, challenge, RequestError } from '../kit/errors.ts'
import { jsonType, type PlainAnswer, pathOf } from './http.ts'

/** Options for the answer to an error. */
export interface ErrorResponse {
  /** Whether a 4xx carries its message as `output` too, which is what a model reads. */
  readonly forModel?: boolean
  /** In the shape that OpenAI's SDKs read, or with `detail` as FastAPI has it, for clients of Python servers. */
  readonly shape?: 'openai' | 'detail'
  /** Whether the answer has begun: then the error is logged alone, and the returned response is not used. */
  readonly isAnswered?: boolean
  /** The request id in the answer, for the log. */
  readonly requestId?: string
}

/** Turns an error into `{ "error": { "code", "message" } }` with its status, and into one line of the log. */
export type ErrorResponder = (c: Context, error: Error, options?: ErrorResponse) => Response

/** The same for a request that is not Hono's. */
export type ErrorAnswers = (
  request: { readonly method: string; readonly path: string },
  error: unknown,
  options?: ErrorResponse,
) => PlainAnswer<RequestError['status']>

/** The same error is logged once in this many seconds, then with the number of repetitions. */
const quietSeconds = 60

/** Statuses that can ruin a training run unnoticed: the trainer shows them to the model and continues. */
const loud: ReadonlySet<number> = new Set([401, 403, 409, 422])
/** Errors of status 400 that the model cannot correct, so it does not read them either. */
const loudCodes: ReadonlySet<string> = new Set(['invalid_run', 'run_conflict', 'run_required'])

/** Makes the responder of an app from the answers to its errors. */
export function responderOf(answers: ErrorAnswers): ErrorResponder {
  return (c, error, options = {}) => {
    const { status, headers, body } = answers({ method: c.req.method, path: pathOf(c) }, error, options)
    return options.isAnswered ? new Response(null, { status }) : c.body(body, status, headers)
  }
}

/** Makes the responder of an app of its own; see {@link createErrorAnswers}. */
export function createErrorResponder(...settings: Parameters<typeof createErrorAnswers>): ErrorResponder {
  return responderOf(createErrorAnswers(...settings))
}

/**
 * Makes the function that answers and logs errors. The server's failures are logged as errors, one line each; so are invalid tokens and items that
 * do not fit, but once a minute instead of once a call; other faults of the caller are logged as warnings.
 *
 * @param onError is told of every error that is answered
 */
export function createErrorAnswers(
  log: Log,
  now: () => number,
  onError: (error: RequestError) => void = () => {},
): ErrorAnswers {
  const logged = new Map<string, { readonly at: number; repeated: number }>()

  const isQuiet = (key: string): number | undefined => {
    const last = logged.get(key)
    if (last !== undefined && now() - last.at < quietSeconds * 1000) {
      last.repeated += 1
      return undefined
    }
    if (logged.size > 1_000) logged.clear()
    logged.set(key, { at: now(), repeated: 0 })
    return last?.repeated ?? 0
  }

  return ({ method, path }, error, options = {}) => {
    const known =
      error instanceof RequestError
        ? error
        : new RequestError(500, 'internal_error', 'the server failed; try again', { cause: error })
    const { status, code, message, details, cause } = known
    onError(known)
    const request = options.requestId === undefined ? {} : { request: options.requestId }
    const facts = { code, status, method, path: shorten(path, 200), ...request, ...details }
    if (loud.has(status) || loudCodes.has(code)) {
      const repeated = isQuiet(`${code} ${message}`)
      if (repeated !== undefined) log.error({ ...facts, ...(repeated > 0 && { repeated }) }, message)
    } else if (status >= 500) log.error({ ...facts, ...(cause !== undefined && { cause }) }, message)
    else log.warn(facts, message)

    const headers: Record<string, string> = { ...jsonType }
    if (known.retryAfterSeconds !== undefined) headers['retry-after'] = String(known.retryAfterSeconds)
    const authenticate = known instanceof AuthError ? challenge(known) : undefined
    if (authenticate !== undefined) headers['www-authenticate'] = authenticate
    return { status, headers, body: JSON.stringify(errorBody(known, options)) }
  }
}

function errorBody(error: RequestError, { shape, forModel }: ErrorResponse) {
  const { status, code, message } = error
  if (shape === 'openai') return openAiError(error)
  if (shape === 'detail') return { detail: message, error: { code, message } }
  const isReadable = [400, 409, 413, 415].includes(status) && !loudCodes.has(code)
  return forModel && isReadable ? { error: { code, message }, output: message } : { error: { code, message } }
}

/** An error as OpenAI's API answers it. */
export interface OpenAiError {
  readonly error: {
    readonly message: string
    readonly type: 'invalid_request_error' | 'server_error'
    /** The part of the request that is wrong, as a path such as `grader.input`; null if it is not one part. */
    readonly param: string | null
    readonly code: string
  }
}

/**
 * An error in the shape of OpenAI's API, which its SDKs read. `code` is the same as in every other answer of this server.
 *
 * @see https://platform.openai.com/docs/guides/error-codes
 */
export function openAiError({ status, code, message, details }: RequestError): OpenAiError {
  const { param } = details
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  return { error: { message, type, param: typeof param === 'string' ? param : null, code } }
}
