import { UngradableError } from '../../kit/errors.ts'
import { SandboxError } from '../../runtime/sandbox/provider.ts'

/** Why a sandbox could not be used: stable codes, also of the metric. */
export type SandboxCause =
  | 'sandbox_lost'
  | 'sandbox_command_lost'
  | 'sandbox_unavailable'
  | 'sandbox_refused'
  | 'sandbox_queue_full'
  | 'sandbox_elsewhere'
  | 'sandbox_timed_out'

/** A sandbox that the server cannot use: it fails the call, or makes the rollout ungradable, and is never a score of 0. */
export class SandboxFailure extends UngradableError {
  declare readonly code: SandboxCause
}

const messages: Readonly<Record<SandboxError['code'], readonly [500 | 503, SandboxCause, string]>> = {
  gone: [500, 'sandbox_lost', 'the sandbox of the rollout does not exist any more'],
  exec_ambiguous: [500, 'sandbox_command_lost', 'a command began, and its end was lost; it is not run again'],
  unavailable: [503, 'sandbox_unavailable', 'the sandbox does not answer; try again'],
  refused: [500, 'sandbox_refused', 'the sandbox refused the operation'],
}

/** The failure that an error of a provider is for the caller; other errors are returned as they are. */
export function sandboxFailure(error: unknown, name: string): unknown {
  if (!(error instanceof SandboxError)) return error
  const [status, code, message] = messages[error.code]
  return makeFailure(status, code, message, name, error)
}

/** Makes a failure; a 503 asks the caller to try again after a few seconds. */
export function makeFailure(
  status: 500 | 503,
  code: SandboxCause,
  message: string,
  name: string,
  cause?: unknown,
): SandboxFailure {
  const options = { details: { sandbox: name }, ...(cause !== undefined && { cause }) }
  return new SandboxFailure(status, code, message, status === 503 ? { ...options, retryAfterSeconds: 5 } : options)
}
