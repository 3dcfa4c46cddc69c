import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'
import type { DatasetItem } from '../simulate/agent.ts'
import { type Sent, send } from '../simulate/send.ts'

/** The address of the checked server, and how requests are sent to it. */
export interface WireSettings {
  /** The address, without a trailing slash. */
  readonly url: string
  /** The header that names the run, sent with every request. */
  readonly runHeaders: Readonly<Record<string, string>>
  /** The headers that the trainer will send, the key among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly toolUrl: (tool: string) => string
  readonly graderUrl: string
  /** The timeout of a request, in seconds. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

/** A tool call to send; ids that are left out are generated. */
export interface SentCall {
  readonly tool: string
  /** JSON text, or a value. */
  readonly arguments: unknown
  readonly item: DatasetItem
  readonly rollout?: string
  readonly callId?: string
  /** Replace the headers that the trainer will send, but not the run. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A grading to send; a rollout id that is left out is generated. */
export interface SentGrading {
  readonly output: string
  readonly item: DatasetItem
  readonly rollout?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer, or the reason why it is missing, and how long it took. */
export type Answer = Sent & { readonly ms: number; readonly callId: string; readonly id: string }

/** Sends requests to the checked server, and counts them. */
export interface Wire {
  get(path: string): Promise<Answer>
  call(call: SentCall): Promise<Answer>
  grade(grading: SentGrading): Promise<Answer>
  /** A fresh rollout id. */
  newRollout(): string
  /** Counts a request that is sent elsewhere. Throws {@link TooMuch} if it exceeds the announced number. */
  count(): void
  /** Sets how many requests may be sent from now on. */
  announce(requests: number): void
  /** How many requests were sent. */
  readonly sent: number
}

/** Thrown instead of sending a request beyond the announced number. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch'
}

/** Opens a wire on which requests must be announced before they are sent. */
export function createWire(settings: WireSettings): Wire {
  const run = randomUUID().slice(0, 8)
  let rollouts = 0
  let left = 0
  let sent = 0
  const count = () => {
    if (left < 1) throw new TooMuch('a check wanted to send more requests than were announced')
    left -= 1
    sent += 1
  }
  const ask = async (
    url: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = settings.headers,
    ids = { callId: '', id: '' },
  ): Promise<Answer> => {
    count()
    const began = performance.now()
    const { runHeaders, timeoutSeconds, signal } = settings
    const content = body === undefined ? undefined : stringifyExactly(body)
    const answer = await send(url, content, { headers: { ...runHeaders, ...headers }, timeoutSeconds }, signal)
    signal.throwIfAborted()
    return { ...answer, ...ids, ms: performance.now() - began }
  }
  const newRollout = () => {
    rollouts += 1
    return `preflight_${run}_${rollouts}`
  }
  return {
    get: (path) => ask(`${settings.url}${path}`, undefined),
    call({ tool, arguments: args, item, rollout = newRollout(), callId = `call_${randomUUID()}`, headers }) {
      const ids = { callId, id: `fc_${callId}` }
      const text = typeof args === 'string' ? args : stringifyExactly(args)
      const names = { type: 'function_call', id: ids.id, call_id: callId, name: tool, trace_id: rollout }
      return ask(settings.toolUrl(tool), { ...names, arguments: text, item }, headers, ids)
    },
    grade({ output, item, rollout = newRollout(), headers }) {
      const message = { role: 'assistant', content: output }
      const choices = [{ index: 0, finish_reason: 'stop', message }]
      const rest = { output_json: null, output_tools: [], output_reasoning_summary: null }
      return ask(
        settings.graderUrl,
        { sample: { choices, output_text: output, ...rest }, item, trace_id: rollout },
        headers,
      )
    },
    newRollout,
    count,
    announce: (requests) => {
      left = requests
    },
    get sent() {
      return sent
    },
  }
}

/** The beginning of an output that refuses a call. */
const refusal =
  /^\W*(?:errors?|invalid|unknown|unrecogni[sz]ed|no such|not found|cannot|can't|could not|unable|missing|failed|failure|bad request|exception|traceback|there is no|does not exist|the arguments)\b/i

/** Whether a call succeeded, as far as the answer shows. */
export function isOk(answer: Answer): boolean {
  const status = statusOf(answer)
  const output = outputOf(answer)
  if ('failed' in answer || status < 200 || status >= 300 || output === undefined || isPage(answer)) return false
  const outcome = answer.headers.get('x-outcome')
  if (outcome !== null) return outcome === 'ok'
  return !refusal.test(output) && !/^\s*\{\s*"error"/.test(output)
}

const outputShape = z.looseObject({ output: z.string() })

/** The `output` of the answer to a tool call; undefined if it has none. */
export function outputOf(answer: Answer): string | undefined {
  return 'failed' in answer ? undefined : outputShape.safeParse(jsonOf(answer)).data?.output
}

/** The body of an answer read as JSON; undefined if it is not JSON. */
export function jsonOf(answer: Answer): unknown {
  if ('failed' in answer || answer.text === undefined) return undefined
  try {
    return JSON.parse(answer.text)
  } catch {
    return undefined
  }
}

/** Describes an answer in a few words: `503`, `200 with a page of HTML`, `302 to https://…`, `no answer (ECONNRESET)`. */
export function describeAnswer(answer: Answer): string {
  if ('failed' in answer) return answer.failed === 'timed_out' ? 'no answer in time' : `no answer (${answer.cause})`
  const { status, headers } = answer
  const location = status >= 300 && status < 400 ? headers.get('location') : null
  return `${status}${location === null ? '' : ` to ${location}`}${isPage(answer) ? ' with a page of HTML' : ''}`
}

/** Whether an answer is an HTML page, such as a proxy's error. */
export function isPage(answer: Answer): boolean {
  return !('failed' in answer) && /^\s*<(?:!doctype|html|head|body)\b/i.test(answer.text ?? '')
}

/** The HTTP status; 0 if there was no answer. */
export const statusOf = (answer: Answer): number => ('failed' in answer ? 0 : answer.status)

const scoreShape = z.looseObject({ score: z.unknown() })

/** The score in the answer to a grading, or what is wrong with it. */
export function scoreOf(
  answer: Answer,
  [least, most]: readonly [number, number],
): { readonly score: number } | { readonly problem: string } {
  const status = statusOf(answer)
  if (status === 0) return { problem: describeAnswer(answer) }
  if (status !== 200) return { problem: `answers ${describeAnswer(answer)}` }
  if (isPage(answer)) return { problem: `answers ${describeAnswer(answer)}` }
  const body = scoreShape.safeParse(jsonOf(answer))
  if (!body.success) return { problem: `answers 200 without a score that can be read` }
  const { score } = body.data
  if (typeof score !== 'number') return { problem: `gives the score ${JSON.stringify(score)}, which is not a number` }
  if (!Number.isFinite(score)) return { problem: `gives the score ${score}` }
  return score >= least && score <= most
    ? { score }
    : { problem: `gives the score ${score}, which is not from ${least} to ${most}` }
}
