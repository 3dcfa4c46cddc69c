import type Docker from 'dockerode'
import { SandboxError } from '../provider.ts'

/** The states of a container whose processes have ended; it cannot be started again as it was. */
const ended: ReadonlySet<string> = new Set(['exited', 'stopped', 'stopping', 'dead', 'removing'])

/** Whether a container has ended: its processes and files are lost. */
export function hasEnded({ State: { Status } }: Docker.ContainerInspectInfo): boolean {
  return ended.has(Status)
}

/** Describes a container; undefined if it does not exist. */
export async function inspected(container: Docker.Container): Promise<Docker.ContainerInspectInfo | undefined> {
  try {
    return await container.inspect()
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

/**
 * Asks whether a container can be used, after something in it has failed: a 404 or a 409 may also mean that a command is
 * unknown after a restart of the daemon, or that the container is paused.
 *
 * @throws SandboxError `gone` if it does not exist or has ended, `unavailable` if it is paused.
 */
export async function mustBeUsable(container: Docker.Container, signal: AbortSignal): Promise<void> {
  const found = await answered(signal, inspected(container))
  if (found === undefined || hasEnded(found)) throw new SandboxError('gone', 'the container has ended or was removed')
  if (found.State.Paused) throw new SandboxError('unavailable', 'the container is paused')
}

/** Works in a container. A failure is `gone` only if the container does not exist or has ended. */
export async function inContainer<Result>(
  container: Docker.Container,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const isUnclear = error instanceof SandboxError && error.code !== 'refused' && error.code !== 'gone'
    if (isUnclear && !signal.aborted) await mustBeUsable(container, signal).catch(throwIfGone)
    throw error
  }
}

function throwIfGone(error: unknown): void {
  if (error instanceof SandboxError && error.code === 'gone') throw error
}

/** The {@link SandboxError} that an error of Docker's API about a container stands for. */
function asSandboxError(error: unknown): SandboxError {
  if (error instanceof SandboxError) return error
  const status = statusOf(error)
  const message = error instanceof Error ? error.message : String(error)
  if (/no such container/i.test(message)) return new SandboxError('gone', message)
  const isClear = status !== undefined && status >= 400 && status < 500 && ![404, 409, 429].includes(status)
  return new SandboxError(isClear ? 'refused' : 'unavailable', message, { cause: error })
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
