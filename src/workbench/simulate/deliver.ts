import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringifyExactly } from '../../base/exact-json.ts'
import { maxBodyBytes, send } from './send.ts'

/** The kinds of faults that a simulation can inject. */
export const faults = ['duplicate', 'overlap', 'slow', 'drop'] as const

/**
 * A fault of one request: `duplicate`, sent again after its answer; `overlap`, sent again while the first attempt runs;
 * `slow`, its answer is read with pauses; `drop`, its connection is closed while it runs, and it is retried.
 */
export type Fault = (typeof faults)[number]

/** Draws the fault of a request: one of `wanted` with the probability `share`, otherwise undefined. */
export function faultsOf(wanted: readonly Fault[], share: number, random: () => number): () => Fault | undefined {
  return () => (wanted.length > 0 && random() < share ? wanted[Math.floor(random() * wanted.length)] : undefined)
}

/** How a trainer sends a request. */
export interface DeliverySettings {
  readonly headers: Readonly<Record<string, string>>
  /** How long one attempt may take, in seconds. */
  readonly timeoutSeconds: number
  /** The pause before the first retry, in milliseconds; each later one is twice as long. */
  readonly pauseMs: number
  /** Draws the fault of the next request; undefined for none. */
  readonly fault: () => Fault | undefined
  /** Called before each attempt; if it throws, nothing is sent and the error is thrown. */
  readonly onAttempt?: (() => void) | undefined
}

/** A request that was answered, by default with a status below 500. */
export interface Delivered {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  /** From the first attempt to the answer, including pauses, in milliseconds. */
  readonly ms: number
  readonly attempts: number
  /** Why attempts failed: `http_503`, `timed_out`, `connection_lost`. */
  readonly errors: readonly string[]
  /** How often the same request was sent again although it had been answered, or was running. */
  readonly repeats: number
  /** How many of these had a different answer: there must be none. */
  readonly differences: number
}

/** All attempts of a request failed: its rollout is discarded. */
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

/** One sending of a request: the answer, or why it is missing, such as `timed_out`. */
export type Attempt = Pick<Delivered, 'status' | 'text' | 'headers'> | { readonly failed: string }

/** A request that may be sent more than once. */
export interface Sending {
  /** Sends it; `isAgain` after a first sending. Never throws. */
  attempt(fault: Fault | undefined, isAgain: boolean): Promise<Attempt>
  /** How often it is retried; by default three times. */
  readonly retries?: number
  /** Whether it is retried after an answer with this status; by default after a 5xx. */
  readonly isRetried?: (status: number) => boolean
}

/**
 * Posts JSON as a trainer does: retries three times with the same body after a 5xx, a timeout or a lost connection, and
 * returns an answer below 500, which the model reads. A body over 1 MB, in either direction, is a 413 for the model.
 *
 * @param policy `textOf` takes from an answer what the model reads: only that must be the same in a repetition's answer
 * @throws {@link NotDelivered} when the last retry fails, and the signal's reason when that aborts.
 */
export async function deliver(
  url: string,
  body: unknown,
  settings: DeliverySettings,
  signal: AbortSignal,
  { textOf = (text) => text, ...policy }: Omit<Sending, 'attempt'> & { textOf?: (text: string) => string } = {},
): Promise<Delivered> {
  const content = stringifyExactly(body)
  if (Buffer.byteLength(content) > maxBodyBytes) {
    const sizes = { ms: 0, attempts: 1, errors: [], repeats: 0, differences: 0 }
    return { status: 413, text: 'the request is larger than 1 MB', headers: new Headers(), ...sizes }
  }
  const attempt = async (fault: Fault | undefined): Promise<Attempt> => {
    const answer = await postOnce(url, content, settings, signal, fault)
    return 'failed' in answer ? answer : { ...answer, text: textOf(answer.text) }
  }
  return await deliverBy({ ...policy, attempt }, settings, signal)
}

/**
 * Sends a request as a trainer does, with its faults, until it is answered.
 *
 * @throws {@link NotDelivered} when the last retry fails, and the signal's reason when that aborts.
 */
export async function deliverBy(
  { attempt, retries = 3, isRetried = (status) => status >= 500 }: Sending,
  settings: Pick<DeliverySettings, 'fault' | 'pauseMs'>,
  signal: AbortSignal,
): Promise<Delivered> {
  const began = performance.now()
  // Each pause before a retry adds a listener, for hundreds of rollouts at once.
  setMaxListeners(0, signal)
  const fault = settings.fault()
  const errors: string[] = []
  for (let pause = settings.pauseMs; ; pause *= 2) {
    const first = errors.length === 0
    // A retry after a timeout of the trainer's: sent while the first attempt may still run.
    const other = first && fault === 'overlap' ? attempt(undefined, true) : undefined
    const answer = await attempt(first ? fault : undefined, !first)
    signal.throwIfAborted()
    if (!('failed' in answer) && !isRetried(answer.status)) {
      const again = first && fault === 'duplicate' ? attempt(undefined, true) : other
      const repeated = await again
      const differs = repeated !== undefined && !('failed' in repeated) && isDifferent(repeated, answer)
      const repeats = repeated === undefined ? 0 : 1
      const counts = { attempts: errors.length + 1, errors, repeats, differences: Number(differs) }
      return { ...answer, ms: performance.now() - began, ...counts }
    }
    await other
    errors.push('failed' in answer ? answer.failed : `http_${answer.status}`)
    if (errors.length > retries) throw new NotDelivered(errors)
    await sleep(pause * (0.75 + Math.random() / 2), undefined, { signal })
  }
}

/** A failure of the server does not count as a different answer to a repetition: the trainer would retry it. */
const isDifferent = (repeated: Pick<Delivered, 'status' | 'text'>, answer: Pick<Delivered, 'text'>) =>
  repeated.status < 500 && repeated.text !== answer.text

async function postOnce(
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
  const { status, text, headers: answered } = sent
  return text === undefined
    ? { status: 413, text: 'the answer is larger than 1 MB', headers: answered }
    : { status, text, headers: answered }
}
