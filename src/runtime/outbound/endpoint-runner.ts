import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { withDeadline } from '../../base/deadline.ts'
import { retryAfterMs } from '../../base/retry-after.ts'
import type { NoAnswer, Runners, ScoreAnswer } from '../openai-graders/runners.ts'
import type { EndpointGrader } from '../openai-graders/single-graders.ts'
import type { Subject } from '../openai-graders/template-path.ts'
import type { Outbound } from './outbound.ts'
import { OutboundError } from './outbound-error.ts'

/** Answers here what an endpoint grader asks of an address of this server. */
export type LocalEndpoint = (
  body: EndpointRequest,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<Pick<Response, 'status' | 'headers' | 'json'>>

/** What {@link createEndpointRunner} needs. */
export interface EndpointRunnerOptions {
  readonly outbound: Outbound
  /** Who answers instead of the network for an address that is this server's own; undefined for any other. */
  readonly local?: ((address: string) => LocalEndpoint | undefined) | undefined
  /** How long one grading may take with all its tries and pauses, in seconds. */
  readonly seconds: number
  /** The first pause between two tries, in milliseconds, 500 when left out; each later one is twice as long. */
  readonly pauseMs?: number
  /** Milliseconds that only go forward; the process's own when left out. */
  readonly now?: () => number
  /** Waits so many milliseconds; rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** How often a try that may be repeated is, as the trainers do. */
const mostRepeats = 3

/**
 * Makes the runner of endpoint graders: posts sample, item and the rollout's id to the grader's address, with its headers.
 *
 * Tried again, up to three times, are broken connections, a 429 and a 5xx: no sooner than `Retry-After` asks for, and only if
 * the time is enough. No more than `rate_limit` requests a second go to one address, all gradings together. What could still
 * have been answered later is flagged `unresponsive_reward_error`: no answer in time, nobody there, a 429 or a 5xx after all
 * tries. What another try would not mend is flagged `other_error`: an address that is not allowed, any other status, an
 * answer without a score. The runner rejects only with what its signal says when that aborts it, and with what `local` throws.
 *
 * @example const runners: Runners = { similarity, endpoint: createEndpointRunner({ outbound, seconds: 300 }) }
 */
export function createEndpointRunner(options: EndpointRunnerOptions): NonNullable<Runners['endpoint']> {
  const { outbound, local, seconds, pauseMs = 500, now = () => performance.now(), wait = waitFor } = options
  const pace = createPace(now)

  const grade = async (grader: EndpointGrader, body: EndpointRequest, signal: AbortSignal): Promise<ScoreAnswer> => {
    const ends = now() + seconds * 1000
    const answering = local?.(grader.url)
    if (answering === undefined) outbound.check(grader.url)
    const url = new URL(grader.url)
    const place = `${url.origin}${url.pathname}`
    for (let repeats = 0; ; repeats += 1) {
      if (grader.rate_limit !== null && grader.rate_limit !== undefined) {
        const turnMs = pace.take(place, grader.rate_limit, ends - now())
        if (turnMs === undefined) return unresponsive('its rate_limit leaves no time for this grading')
        if (turnMs > 0) await wait(turnMs, signal)
      }
      try {
        const json = await ask({ grader, answering, body, signal })
        return readEndpointAnswer(json)
      } catch (error) {
        if (!(error instanceof OutboundError) || !isWorthRepeating(error)) throw error
        if (repeats === mostRepeats) return unresponsive(`${error.message}, ${repeats + 1} times`)
        const backOff = pauseMs * 2 ** repeats * (0.75 + Math.random() / 2)
        const pause = Math.max(backOff, error.retryAfterMs ?? 0)
        if (pause > ends - now()) return unresponsive(`${error.message}, and there is no time to try it again`)
        await wait(pause, signal)
      }
    }
  }

  const ask = async ({ grader, answering, body, signal }: Asking): Promise<unknown> => {
    const headers = grader.headers ?? {}
    if (answering === undefined) return (await outbound.post(grader.url, body, { headers, signal })).json
    const response = await answering(body, headers, signal)
    const json: unknown = await response.json().catch(() => undefined)
    const { status } = response
    if (status >= 200 && status <= 299) return json
    const after = retryAfterMs(response.headers.get('retry-after'))
    throw new OutboundError('status', `this server answered ${status}`, { status, retryAfterMs: after, body: json })
  }

  return async (grader, subject, signal) => {
    const late = () => new OutboundError('timed_out', `no answer in ${seconds} seconds`)
    try {
      return await withDeadline({ seconds, late, parents: [signal] }, (either) =>
        grade(grader, endpointRequest(subject), either),
      )
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof OutboundError)) throw error
      return error.reason === 'timed_out' ? unresponsive(error.message) : other(error.message)
    }
  }
}

interface Asking {
  readonly grader: EndpointGrader
  readonly answering: LocalEndpoint | undefined
  readonly body: EndpointRequest
  readonly signal: AbortSignal
}

const waitFor = async (milliseconds: number, signal: AbortSignal) => {
  await sleep(milliseconds, undefined, { signal })
}

const isWorthRepeating = ({ reason, status = 0 }: OutboundError) =>
  reason === 'unreachable' || (reason === 'status' && (status === 429 || status >= 500))

const unresponsive = (why: string): NoAnswer => ({
  ok: false,
  errors: { unresponsive_reward_error: true },
  reason: `the endpoint did not answer: ${why}`,
})
const other = (why: string): NoAnswer => ({
  ok: false,
  errors: { other_error: true },
  reason: `the endpoint could not be asked: ${why}`,
})

/** When the next of several requests to one place may be sent. */
export interface Pace {
  /**
   * Takes the next free moment for a request to `place`, where so many a second are allowed, and gives how long it is
   * until then, in milliseconds. Where that is longer than `mostMs`, none is taken, and the answer is undefined.
   */
  take(place: string, perSecond: number, mostMs: number): number | undefined
}

/** Above so many places, those are forgotten that nobody was sent to for a minute. */
const mostPlaces = 1_000

/** Makes a pace for any number of places: requests to one place are spread evenly, and none is saved up. */
export function createPace(now: () => number): Pace {
  const lastMoments = new Map<string, number>()
  const forgetPast = (present: number) => {
    for (const [place, moment] of lastMoments) {
      if (moment < present - 60_000) lastMoments.delete(place)
    }
  }
  return {
    take: (place, perSecond, mostMs) => {
      const present = now()
      const moment = Math.max(present, (lastMoments.get(place) ?? Number.NEGATIVE_INFINITY) + 1000 / perSecond)
      if (moment - present > mostMs) return undefined
      if (lastMoments.size >= mostPlaces) forgetPast(present)
      lastMoments.set(place, moment)
      return moment - present
    },
  }
}

/** What an endpoint grader's address is sent. */
export interface EndpointRequest {
  readonly sample: unknown
  readonly item: unknown
  /** Left out where the rollout has no id. */
  readonly trace_id?: string
}

/**
 * What an endpoint grader's address is sent, as Azure's preview has it.
 *
 * @see https://github.com/microsoft-foundry/fine-tuning/blob/main/Docs/tool-call-endpoint-grader.md
 */
export function endpointRequest({ sample, item, rolloutId }: Subject): EndpointRequest {
  return { sample, item, ...(rolloutId === undefined || rolloutId === '' ? {} : { trace_id: rolloutId }) }
}

const answer = z.object({ score: z.number() })

/** Reads the score of an endpoint's answer, `{ "score": 0.5 }`: a finite number; a text with a number in it is none. */
export function readEndpointAnswer(json: unknown): ScoreAnswer {
  const read = answer.safeParse(json)
  if (read.success) return { ok: true, score: read.data.score }
  return {
    ok: false,
    errors: { other_error: true },
    reason: 'the endpoint’s answer is not { "score": a finite number }',
  }
}
