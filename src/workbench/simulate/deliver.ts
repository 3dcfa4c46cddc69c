import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './faults.ts'
import { maxBodyBytes, send } from './send.ts'

/** How a trainer sends a request. */
export interface DeliverySettings {
  readonly headers: Readonly<Record<string, string>>
  /** How long one attempt may take, in seconds. */
  readonly timeoutSeconds: number
  /** The pause before the first retry, in milliseconds; each later one is twice as long. */
  readonly pauseMs: number
  /** The fault to make of the next request; undefined for none. */
  readonly fault: () => Fault | undefined
  /** Told before each attempt; what it throws keeps it from being sent, and is thrown. */
  readonly onAttempt?: (() => void) | undefined
}

/** A request that was answered with less than 500. */
export interface Delivered {
  readonly status: number
  readonly text: string
  /** From the first attempt to the answer, pauses included, in milliseconds. */
  readonly ms: number
  readonly attempts: number
  /** What the failed attempts failed of: `http_503`, `timed_out`, `connection_lost`. */
  readonly errors: readonly string[]
  /** How often the very same request was sent though it had been answered, or was about to be. */
  readonly repeats: number
  /** How many of these were answered otherwise: there must be none. */
  readonly differences: number
}

/** A request that failed as often as a trainer tries: its rollout is discarded. */
export class NotDelivered extends Error {
  override readonly name = 'NotDelivered'
  readonly attempts: number
  readonly errors: readonly string[]

  constructor(errors: readonly string[]) {
    super(`no answer after ${errors.length} attempts: ${errors.join(', ')}`)
    this.attempts = errors.length
    this.errors = errors
  }
}

/** How often a trainer tries again after a 5xx, a time-out or a lost connection. */
const retries = 3

type Attempt = { readonly status: number; readonly text: string } | { readonly failed: string }

/**
 * Posts JSON as a trainer does: tries again with the very same body after a 5xx, a time-out or a lost connection, three
 * times; gives what is below 500, which the model reads. A body over 1 MB, either way, is a 413 for the model.
 *
 * Throws {@link NotDelivered} when the retries are used up, and the signal's reason when that aborts.
 */
export async function deliver(
  url: string,
  body: unknown,
  settings: DeliverySettings,
  signal: AbortSignal,
): Promise<Delivered> {
  const began = performance.now()
  const content = JSON.stringify(body)
  const done = (status: number, text: string, rest: Partial<Delivered> = {}): Delivered => ({
    ...{ status, text, ms: performance.now() - began, attempts: 1, errors: [], repeats: 0, differences: 0 },
    ...rest,
  })
  if (Buffer.byteLength(content) > maxBodyBytes) return done(413, 'the request is larger than 1 MB')
  // Whatever waits before a retry listens: the gradings of hundreds of rollouts at once.
  setMaxListeners(0, signal)
  const fault = settings.fault()
  const errors: string[] = []
  for (let pause = settings.pauseMs; ; pause *= 2) {
    const first = errors.length === 0
    // The retry of an impatient trainer: sent while the first attempt may still run.
    const other = first && fault === 'overlap' ? attempt(url, content, settings, signal) : undefined
    const answer = await attempt(url, content, settings, signal, first ? fault : undefined)
    signal.throwIfAborted()
    if (!('failed' in answer)) {
      const again = first && fault === 'duplicate' ? attempt(url, content, settings, signal) : other
      const repeated = await again
      const differs = repeated !== undefined && !('failed' in repeated) && repeated.text !== answer.text
      const repeats = repeated === undefined ? 0 : 1
      return done(answer.status, answer.text, {
        ...{ attempts: errors.length + 1, errors, repeats, differences: Number(differs) },
      })
    }
    await other
    errors.push(answer.failed)
    if (errors.length > retries) throw new NotDelivered(errors)
    await sleep(pause * (0.75 + Math.random() / 2), undefined, { signal })
  }
}

async function attempt(
  url: string,
  body: string,
  { headers, timeoutSeconds, onAttempt }: DeliverySettings,
  signal: AbortSignal,
  fault?: Fault,
): Promise<Attempt> {
  onAttempt?.()
  const cut = new AbortController()
  const cutting = fault === 'drop' ? setTimeout(() => cut.abort(), Math.random() * 20) : undefined
  const settings = { headers, timeoutSeconds, slowly: fault === 'slow', cut: cut.signal }
  const sent = await send(url, body, settings, signal)
  clearTimeout(cutting)
  if ('failed' in sent) return sent
  const { status, text } = sent
  if (status >= 500) return { failed: `http_${status}` }
  return text === undefined ? { status: 413, text: 'the answer is larger than 1 MB' } : { status, text }
}
