import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'
import type { DatasetItem } from '../simulate/agent.ts'
import { type Sent, send } from '../simulate/send.ts'

/** How the server under check is spoken to. */
export interface WireSettings {
  /** The address, without a slash at its end. */
  readonly url: string
  /** The headers that the trainer will send, the key among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly toolUrl: (tool: string) => string
  readonly graderUrl: string
  /** How long an answer may take, in seconds. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

/** A tool call as it is sent; what is left out is made up. */
export interface SentCall {
  readonly tool: string
  /** JSON text, or a value. */
  readonly arguments: unknown
  readonly item: DatasetItem
  readonly rollout?: string
  readonly callId?: string
  /** In place of those that the trainer will send. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A grading as it is sent; what is left out is made up. */
export interface SentGrading {
  readonly output: string
  readonly item: DatasetItem
  readonly rollout?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer, or why there is none, and how long it took. */
export type Answer = Sent & { readonly ms: number; readonly callId: string; readonly id: string }

/** Speaks to the server under check, and counts what it sends. */
export interface Wire {
  get(path: string): Promise<Answer>
  call(call: SentCall): Promise<Answer>
  grade(grading: SentGrading): Promise<Answer>
  /** A rollout's id that nobody had. */
  newRollout(): string
  /** Counts a request that somebody else is about to send. Throws {@link TooMuch} where it is one more than was announced. */
  count(): void
  /** How many requests may be sent from here on. */
  announce(requests: number): void
  /** How many were sent. */
  readonly sent: number
}

/** More would have been sent than was announced: that is a fault of the check, and it was not sent. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch'
}

/** Opens a wire on which nothing may be sent until it is announced. */
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
    const { timeoutSeconds, signal } = settings
    const content = body === undefined ? undefined : stringifyExactly(body)
    const answer = await send(url, content, { headers, timeoutSeconds }, signal)
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

const outputShape = z.looseObject({ output: z.string() })

/** The `output` of a tool call's answer; undefined where it has none. */
export function outputOf(answer: Answer): string | undefined {
  return 'failed' in answer ? undefined : outputShape.safeParse(jsonOf(answer)).data?.output
}

/** The body of an answer read as JSON; undefined where it is none. */
export function jsonOf(answer: Answer): unknown {
  if ('failed' in answer || answer.text === undefined) return undefined
  try {
    return JSON.parse(answer.text)
  } catch {
    return undefined
  }
}

/** What an answer was, in a few words: `503`, `200 with a page of HTML`, `302 to https://…`, `no answer (ECONNRESET)`. */
export function told(answer: Answer): string {
  if ('failed' in answer) return answer.failed === 'timed_out' ? 'no answer in time' : `no answer (${answer.cause})`
  const { status, headers } = answer
  const location = status >= 300 && status < 400 ? headers.get('location') : null
  return `${status}${location === null ? '' : ` to ${location}`}${isPage(answer) ? ' with a page of HTML' : ''}`
}

/** Whether an answer is a page for people, such as a proxy's error. */
export function isPage(answer: Answer): boolean {
  return !('failed' in answer) && /^\s*<(?:!doctype|html|head|body)\b/i.test(answer.text ?? '')
}

/** The HTTP status; 0 where there was no answer. */
export const statusOf = (answer: Answer): number => ('failed' in answer ? 0 : answer.status)
