import { storableText } from '../base/json.ts'
import { loggable } from '../base/log.ts'
import { redacted } from '../base/redact.ts'
import { storable } from '../base/text.ts'
import { RequestError, ToolError } from '../kit/errors.ts'
import type { CallIdentity } from '../ledger/calls/call.ts'
import { isUnavailable } from '../postgres/database.ts'

/** A call that is the model's fault, with the text that the model reads. */
export interface Refusal {
  readonly output: string
  /** Stable: `unknown_tool`, `invalid_arguments`, `output_too_large` or `refused_by_tool`. */
  readonly code: string
}

/** The most characters of a refusal: it is a sentence, not an answer. */
const maxRefusalLength = 10_000

/** The text of a thrown error that the model reads; undefined unless the error is meant for the model. */
export function refusalIn(error: unknown): Refusal | undefined {
  if (error instanceof OversizedOutput) return { output: error.message, code: 'output_too_large' }
  if (error instanceof ToolError) {
    return { output: storable(error.message.slice(0, maxRefusalLength)), code: 'refused_by_tool' }
  }
  return undefined
}

/** Thrown when a tool returns more than an answer may hold; it reaches the model like any {@link ToolError}. */
class OversizedOutput extends ToolError {}

/** The output in the form that is stored and answered; throws a {@link ToolError} if it exceeds `maxBytes` as JSON. */
export function fittingOutput(output: string, maxBytes: number): string {
  const text = storable(output)
  // One UTF-16 unit becomes at most six bytes of JSON.
  const bytes = text.length * 6 <= maxBytes ? 0 : Buffer.byteLength(JSON.stringify(text))
  if (bytes <= maxBytes) return text
  throw new OversizedOutput(`the output has ${bytes} bytes, more than the ${maxBytes} an answer may have; ask for less`)
}

/** The failure of a call, see {@link failureOf}: its arguments and item are redacted. */
export function callFailure(cause: unknown, call: CallIdentity): RequestError {
  const facts = { run: call.run, rollout: call.rolloutId, call: call.callId, tool: call.tool }
  const otherwise = { code: 'tool_failed', message: `the tool "${call.tool}" failed; try again` }
  return failureOf(cause, facts, otherwise, [call.arguments, call.item, call.originals])
}

/** What is recorded of a failure in addition to its code, as JSON text: its cause, or the failure itself if it has none. */
export function recordedCause(failure: RequestError, redact: (text: string) => string): string {
  return storableText(loggable(failure.cause ?? failure, redact))
}

/**
 * Turns an error of the server into the answer to the trainer: 503 if the database is unavailable, otherwise 500. The cause is
 * only logged, with everything in `content` redacted. A `RequestError` keeps its status and code and gains the facts.
 */
export function failureOf(
  cause: unknown,
  facts: Readonly<Record<string, unknown>>,
  otherwise: { readonly code: string; readonly message: string },
  content: unknown,
): RequestError {
  if (cause instanceof RequestError) {
    const { retryAfterSeconds } = cause
    return new RequestError(cause.status, cause.code, cause.message, {
      details: { ...cause.details, ...facts },
      ...(cause.cause !== undefined && { cause: redacted(cause.cause, content) }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    })
  }
  const options = { cause: redacted(cause, content), details: facts }
  if (isUnavailable(cause)) {
    const message = 'the database is unavailable; try again'
    return new RequestError(503, 'database_unavailable', message, { ...options, retryAfterSeconds: 2 })
  }
  return new RequestError(500, otherwise.code, otherwise.message, options)
}

/** How a call that threw ended: `rejected` is a fault of the caller, and nothing is recorded of it. */
export function endOf(error: unknown): { readonly outcome: 'failed' | 'rejected'; readonly code: string } {
  if (!(error instanceof RequestError)) return { outcome: 'failed', code: 'internal_error' }
  return { outcome: error.status < 500 ? 'rejected' : 'failed', code: error.code }
}
