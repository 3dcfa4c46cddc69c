import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { retryAfterMs, withDeadline } from '../../base/deadline.ts'
import type { NoAnswer, Runners, ScoreAnswer } from '../openai-graders/runners.ts'
import type { EndpointGrader } from '../openai-graders/single-graders.ts'
import type { Subject } from '../openai-graders/template-path.ts'
import type { Outbound } from './outbound.ts'
import { OutboundError } from './outbound-error.ts'

/** Answers in-process a request of an endpoint grader to an address of this server. */
export type LocalEndpoint = (
  request: LocalRequest,
  signal: AbortSignal,
) => Promise<Pick<Response, 'status' | 'headers' | 'json'>>

/** A request to an address of this server. */
export interface LocalRequest {
  readonly body: EndpointRequest
  readonly headers: Readonly<Record<string, string>>
  /** The run of the rollout that is graded; undefined if it is not known. */
  readonly run: string | undefined
}

/** The options of {@link createEndpointRunner}. */
export interface EndpointRunnerOptions {
  readonly outbound: Outbound
  /** Finds what answers in-process for an address of this server; undefined for any other address. */
  readonly local?: ((address: string) => LocalEndpoint | undefined) | undefined
  /** The timeout of one grading, all tries and pauses included, in seconds. */
  readonly seconds: number
  /** The first pause between two tries, in milliseconds, 500 by default; each later one is twice as long. */
  readonly pauseMs?: number
  /** A monotonic clock, in milliseconds; `performance.now` by default. */
  readonly now?: () => number
  /** Waits for some milliseconds; rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** As many retries as trainers make. */
const maxRetries = 3

/**
 * Makes the runner of endpoint graders. It posts the sample, the item and the rollout's id to the grader's address, with the
 * grader's headers.
 *
 * Broken connections, 429 and 5xx are retried up to three times, no sooner than `Retry-After` says and only if there is time.
 * All gradings together send at most `rate_limit` requests per second to one address. Failures that may be temporary raise
 * `unresponsive_reward_error`: no answer in time, no connection, a 429 or a 5xx after all tries. All others raise
 * `other_error`: an address that is not allowed, any other status, an answer without a score. Rejects only with the signal's
 * reason when that aborts, and with the errors of `local`.
 *
 * @example const runners: Runners = { similarity, endpoint: createEndpointRunner({ outbound, seconds: 300 }) }
 */
export function createEndpointRunner(options: EndpointRunnerOptions): NonNullable<Runners['endpoint']> {
  const { outbound, local, seconds, pauseMs = 500, now = () => performance.now(), wait = waitFor } = options
  const pace = createPace(now)

  const grade = async (grader: EndpointGrader, subject: Subject, signal: AbortSignal): Promise<ScoreAnswer> => {
    const body = endpointRequest(subject)
    const ends = now() + seconds * 1000
    const endpoint = local?.(grader.url)
    if (endpoint === undefined) outbound.check(grader.url)
    const url = new URL(grader.url)
    const place = `${url.origin}${url.pathname}`
    for (let retries = 0; ; retries += 1) {
      if (grader.rate_limit !== null && grader.rate_limit !== undefined) {
        const turnMs = pace.take(place, grader.rate_limit, ends - now())
        if (turnMs === undefined) return unresponsive('its rate_limit leaves no time for this grading')
        if (turnMs > 0) await wait(turnMs, signal)
      }
      try {
        const json = await ask({ grader, endpoint, body, run: subject.run, signal })
        return readEndpointAnswer(json)
      } catch (error) {
        if (!(error instanceof OutboundError) || !isRetryable(error)) throw error
        if (retries === maxRetries) return unresponsive(`${error.message}, ${retries + 1} times`)
        const backOff = pauseMs * 2 ** retries * (0.75 + Math.random() / 2)
        const pause = Math.max(backOff, error.retryAfterMs ?? 0)
        if (pause > ends - now()) return unresponsive(`${error.message}, and there is no time for another try`)
        await wait(pause, signal)
      }
    }
  }

  const ask = async ({ grader, endpoint, body, run, signal }: EndpointCall): Promise<unknown> => {
    const headers = grader.headers ?? {}
    if (endpoint === undefined) return (await outbound.post(grader.url, body, { headers, signal })).json
    const response = await endpoint({ body, headers, run }, signal)
    const json: unknown = await response.json().catch(() => undefined)
    const { status } = response
    if (status >= 200 && status <= 299) return json
    const after = retryAfterMs(response.headers.get('retry-after'))
    throw new OutboundError('status', `this server answered ${status}`, { status, retryAfterMs: after, body: json })
  }

  return async (grader, subject, signal) => {
    const late = () => new OutboundError('timed_out', `no answer in ${seconds} seconds`)
    try {
      return await withDeadline({ seconds, late, parents: [signal] }, (either) => grade(grader, subject, either))
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof OutboundError)) throw error
      return error.reason === 'timed_out' ? unresponsive(error.message) : other(error.message)
    }
  }
}

interface EndpointCall {
  readonly grader: EndpointGrader
  readonly endpoint: LocalEndpoint | undefined
  readonly body: EndpointRequest
  readonly run: string | undefined
  readonly signal: AbortSignal
}

async function waitFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal })
}

function isRetryable({ reason, status = 0 }: OutboundError): boolean {
  return reason === 'unreachable' || (reason === 'status' && (status === 429 || status >= 500))
}

function unresponsive(why: string): NoAnswer {
  return {
    ok: false,
    errors: { unresponsive_reward_error: true },
    reason: `the endpoint did not answer: ${why}`,
  }
}

function other(why: string): NoAnswer {
  return { ok: false, errors: { other_error: true }, reason: `the endpoint gave no score: ${why}` }
}

/** Spreads requests to an address over time. */
export interface Pace {
  /**
   * Reserves the next time slot for a request to `place` and returns how long it is until then, in milliseconds. Returns
   * undefined and reserves nothing if that is longer than `maxMs`.
   */
  take(place: string, perSecond: number, maxMs: number): number | undefined
}

/** With more places than this, those without a request in the last minute are removed. */
const maxPlaces = 1_000

/** Makes a pace for any number of places. Requests to one place are spread evenly; unused slots are lost. */
export function createPace(now: () => number): Pace {
  const lastSlots = new Map<string, number>()
  const removeOld = (time: number) => {
    for (const [place, slot] of lastSlots) {
      if (slot < time - 60_000) lastSlots.delete(place)
    }
  }
  return {
    take: (place, perSecond, maxMs) => {
      const time = now()
      const slot = Math.max(time, (lastSlots.get(place) ?? Number.NEGATIVE_INFINITY) + 1000 / perSecond)
      if (slot - time > maxMs) return undefined
      if (lastSlots.size >= maxPlaces) removeOld(time)
      lastSlots.set(place, slot)
      return slot - time
    },
  }
}

/** The body of a request to an endpoint grader. */
export interface EndpointRequest {
  readonly sample: unknown
  readonly item: unknown
  /** Absent if the rollout has no id. */
  readonly trace_id?: string
}

/**
 * Makes the body of a request to an endpoint grader, in the format of Azure's preview.
 *
 * @see https://github.com/microsoft-foundry/fine-tuning/blob/main/Docs/tool-call-endpoint-grader.md
 */
export function endpointRequest({ sample, item, rolloutId }: Subject): EndpointRequest {
  return { sample, item, ...(rolloutId === undefined || rolloutId === '' ? {} : { trace_id: rolloutId }) }
}

const answer = z.object({ score: z.number() })

/** Reads the score of an endpoint's answer, `{ "score": 0.5 }`: a finite number, not a string. */
export function readEndpointAnswer(json: unknown): ScoreAnswer {
  const read = answer.safeParse(json)
  if (read.success) return { ok: true, score: read.data.score }
  return {
    ok: false,
    errors: { other_error: true },
    reason: 'the endpoint’s answer is not { "score": a finite number }',
  }
}
