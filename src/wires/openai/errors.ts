import type { RequestError } from '../../kit/errors.ts'

/** An error as OpenAI's API answers it. */
export interface OpenAiError {
  readonly error: {
    readonly message: string
    readonly type: 'invalid_request_error' | 'server_error'
    /** What of the request was wrong, as a path: `grader.input`; null where it was nothing in particular. */
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
