import { setTimeout as sleep } from 'node:timers/promises'
import { retryAfterMs } from '../../../base/deadline.ts'
import { SandboxError } from '../provider.ts'

/** The limit of a response that is read as a whole, in bytes. */
const mostBytes = 8 * 1024 ** 2
/** How much of a service's own message ours repeat, in characters. */
const mostCharacters = 300
/** How often a request that was rejected with 429 is made again, and the longest pause before that, in milliseconds. */
const retries = 5
const longestPauseMs = 30_000

/** A request to the service. */
export interface Sending {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** Waits; rejects with the signal's reason when that aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : error
  })
}

/**
 * Sends a request; any status is a response. A 429 is sent again after the pause that it names, because it means that nothing
 * has happened.
 *
 * @throws SandboxError `unavailable` without a response; the signal's reason when that aborts.
 */
export async function send(request: Sending, signal: AbortSignal): Promise<Response> {
  for (let retry = 0; ; retry += 1) {
    const response = await sendOnce(request, signal)
    if (response.status !== 429 || retry === retries) return response
    await response.body?.cancel().catch(() => undefined)
    const asked = retryAfterMs(response.headers.get('retry-after')) ?? 500 * 2 ** retry
    await pause(Math.min(asked, longestPauseMs) + Math.random() * 100, signal)
  }
}

async function sendOnce({ method, url, headers, body }: Sending, signal: AbortSignal): Promise<Response> {
  signal.throwIfAborted()
  try {
    // A redirect would take the key to another address.
    return await fetch(url, { method, headers, redirect: 'error', signal, ...(body !== undefined && { body }) })
  } catch (error) {
    throw signal.aborted ? signal.reason : lost(url, error)
  }
}

/** Reads a body. Throws a {@link SandboxError} `unavailable` if the connection breaks, or if it is too long. */
export async function bodyOf(response: Response, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > mostBytes) throw new SandboxError('unavailable', `E2B's response has more than ${mostBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof SandboxError) throw error
    throw signal.aborted ? signal.reason : lost(response.url, error)
  }
  return Buffer.concat(chunks).toString()
}

/** A body as JSON; undefined if it is something else. */
export function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** What a service says of an error, in one short line. */
export function excerpt(message: string): string {
  const line = message.replaceAll(/\s+/gu, ' ').trim()
  return line.length > mostCharacters ? `${line.slice(0, mostCharacters)}…` : line
}

function lost(url: string, cause: unknown): SandboxError {
  const { host } = new URL(url)
  return new SandboxError('unavailable', `the connection to E2B (${host}) failed or was lost`, { cause })
}
