import {
  AuthenticationError,
  InvalidArgumentError,
  NotFoundError,
  SandboxError as PackageError,
  ServiceBusyError,
  TemplateError,
} from 'e2b'
import { SandboxError } from '../provider.ts'

/** How much of the service's own message is repeated, in characters. */
const mostCharacters = 300
/** Besides 5xx: a timeout, a sandbox that is changing its state, a request that came too early, and too many of them. */
const passing: ReadonlySet<number> = new Set([408, 409, 425, 429])

/** The {@link SandboxError} for a failed request to E2B's REST API; `what` is what was asked. */
export function restFailure(what: string, host: string, error: unknown): SandboxError {
  if (error instanceof TemplateError) {
    return new SandboxError('refused', 'the template is too old for the E2B package of this server; build it again')
  }
  const status = statusOf(error)
  if (status === undefined) return unanswered(host, error)
  if (status === 401) return new SandboxError('refused', 'E2B rejected the API key (401)')
  if (status === 404) return new SandboxError('gone', `E2B could not ${what}: it does not exist`)
  const code = status >= 500 || passing.has(status) ? 'unavailable' : 'refused'
  return new SandboxError(code, `E2B could not ${what} (${status})${explanation(error)}`)
}

/**
 * The {@link SandboxError} for a failed request to the service in a sandbox. The package cannot tell a sandbox that does not
 * exist from one that does not answer, and a rejected token may have been replaced: look, and try again.
 */
export function insideFailure(error: unknown): SandboxError {
  if (error instanceof InvalidArgumentError) {
    return new SandboxError('refused', 'the service in the sandbox rejected the request')
  }
  const message = 'the connection to the service in the sandbox failed or was lost'
  return new SandboxError('unavailable', message, { cause: error })
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof AuthenticationError) return 401
  if (error instanceof NotFoundError) return 404
  return error instanceof PackageError || error instanceof ServiceBusyError ? error.statusCode : undefined
}

/** A lost connection has a cause; a response that the package cannot read makes it fail without one. */
function unanswered(host: string, error: unknown): SandboxError {
  const isLost = error instanceof Error && error.cause !== undefined
  const message = isLost
    ? `the connection to E2B (${host}) failed or was lost`
    : 'E2B’s response does not have the documented form'
  return new SandboxError('unavailable', message, { cause: error })
}

/** What the service itself says: the package puts the status, or a sentence of its own and a dash, before it. */
function explanation(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  const detail = /^(?:\d{3}:|.*? -) (.*)$/s.exec(message)?.[1] ?? ''
  const line = detail.replaceAll(/\s+/gu, ' ').trim()
  if (line === '' || line === '[object Object]') return ''
  return `: ${line.length > mostCharacters ? `${line.slice(0, mostCharacters)}…` : line}`
}
