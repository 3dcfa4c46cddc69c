import { SandboxError } from '../provider.ts'

/** The {@link SandboxError} that an error of Docker's API about a container stands for. */
function asSandboxError(error: unknown): SandboxError {
  if (error instanceof SandboxError) return error
  const status = statusOf(error)
  const message = error instanceof Error ? error.message : String(error)
  if (status === 404 || status === 409) return new SandboxError('gone', `the container has gone: ${message}`)
  if (status !== undefined && status >= 400 && status < 500 && status !== 429) {
    return new SandboxError('refused', message)
  }
  if (/container state improper|not running|no such container/i.test(message)) {
    return new SandboxError('gone', message)
  }
  return new SandboxError('unavailable', message, { cause: error })
}

/** The HTTP status of an error of Docker's API; undefined if there was no response. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined
  return typeof error.statusCode === 'number' ? error.statusCode : undefined
}

/** Waits for Docker's response as long as the signal allows; rejects with its reason or a {@link SandboxError}. */
export async function answered<Result>(signal: AbortSignal, response: Promise<Result>): Promise<Result> {
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([response, aborted])
  } catch (error) {
    throw signal.aborted ? signal.reason : asSandboxError(error)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
