import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenUsage } from '../../kit/judge.ts'
import type { Completions } from './completions.ts'
import { type NoReply, unusable } from './reply.ts'

/** How often a failing request is tried, other than for a rate limit; about 8 seconds with the pauses. */
const maxFailures = 5
/** How often a model is asked if it declines, or if its reply cannot be read. */
const maxUnusable = 3

/** A reply that can be read. */
export interface Answer {
  readonly ok: true
  readonly text: string
  readonly model: string
}

/** The body of a request. */
export interface Body extends Readonly<Record<string, unknown>> {
  readonly model: string
}

/** The pauses between two tries. */
export interface Pauses {
  /** The first pause, in milliseconds, 500 by default; each is twice as long as the one before, up to 16 times the first. */
  readonly pauseMs?: number
  /** Waits for some milliseconds; rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** How a request is sent and its reply checked. */
export interface RetryOptions extends Pauses {
  /** The timeout of the whole question, in seconds: a longer pause is pointless. */
  readonly timeoutSeconds: number
  readonly send: Completions
  readonly isReadable: (text: string) => boolean
  /** Called with every reply. */
  readonly onReply: (reply: NoReply | { readonly usage: TokenUsage }) => void
}

/**
 * Sends a request until its reply can be read or another try does not help: 5 tries if it fails, any number while the API
 * says that its rate limit is reached (the signal ends that), 3 tries if the reply cannot be used. Rejects only when the
 * signal aborts.
 */
export async function sendUntilAnswered(
  { send, isReadable, onReply, pauseMs = 500, timeoutSeconds, wait = sleepFor }: RetryOptions,
  body: Body,
  signal: AbortSignal,
): Promise<Answer | NoReply> {
  let failures = 0
  let unusables = 0
  for (let pauses = 0; ; ) {
    const reply = await send(body, signal)
    const isAnswer = reply.ok && isReadable(reply.text)
    const failure = reply.ok ? unusable('unreadable', 'the reply does not match the schema', reply.usage) : reply
    onReply(isAnswer ? reply : failure)
    if (reply.ok && isAnswer) return { ok: true, text: reply.text, model: reply.model ?? body.model }
    if (failure.retry === 'no') return failure
    if (failure.fault === 'unavailable') {
      if (failure.retry === 'a few times') failures += 1
      const backOff = pauseMs * 2 ** Math.min(pauses, 4) * (0.75 + Math.random() / 2)
      pauses += 1
      const pause = Math.max(backOff, failure.pauseMs ?? 0)
      if (failures >= maxFailures || pause >= timeoutSeconds * 1000) return failure
      await wait(pause, signal)
    } else {
      unusables += 1
      if (unusables >= maxUnusable) return failure
    }
  }
}

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal })
}
