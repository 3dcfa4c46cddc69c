import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenUsage } from '../../kit/judge.ts'
import type { ModelClient } from './model-client.ts'
import { type NoReply, unusable } from './reply.ts'

/** How often a request is tried that fails otherwise than by being too much; about 8 seconds with their pauses. */
const mostFailures = 5
/** How often a model is asked that declines or writes what cannot be read. */
const mostUnusable = 3

/** A reply that can be read. */
export interface Answer {
  readonly ok: true
  readonly text: string
  readonly model: string
}

/** What is asked, as it is sent. */
export interface Body extends Readonly<Record<string, unknown>> {
  readonly model: string
}

/** The pauses between two tries. */
export interface Pauses {
  /** The first pause between two tries, in milliseconds, 500 when left out; each is twice as long, up to 16 times that. */
  readonly pauseMs?: number
  /** Waits so many milliseconds; rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** How a question is asked until there is an answer. */
export interface Patience extends Pauses {
  /** Where a pause is longer than this, nobody will be there any more, in seconds. */
  readonly timeoutSeconds: number
  readonly client: ModelClient
  readonly isReadable: (text: string) => boolean
  /** Told of every reply. */
  readonly watch: (reply: NoReply | { readonly usage: TokenUsage }) => void
}

/**
 * Sends a request until its reply can be read, or trying again does not help: 5 times where it fails, as often as one likes
 * where the API says that it is too much (the signal ends that), 3 times where the reply is of no use. Rejects when the
 * signal aborts, else never.
 */
export async function askUntilAnswered(
  { client, isReadable, watch, pauseMs = 500, timeoutSeconds, wait = sleepFor }: Patience,
  body: Body,
  signal: AbortSignal,
): Promise<Answer | NoReply> {
  let failures = 0
  let unusables = 0
  for (let pauses = 0; ; ) {
    const reply = await client(body, signal)
    const isAnswer = reply.ok && isReadable(reply.text)
    const failure = reply.ok ? unusable('unreadable', 'the reply is not what was asked for', reply.usage) : reply
    watch(isAnswer ? reply : failure)
    if (reply.ok && isAnswer) return { ok: true, text: reply.text, model: reply.model ?? body.model }
    if (failure.again === 'no') return failure
    if (failure.fault === 'unavailable') {
      if (failure.again === 'a few times') failures += 1
      const backOff = pauseMs * 2 ** Math.min(pauses, 4) * (0.75 + Math.random() / 2)
      pauses += 1
      const pause = Math.max(backOff, failure.pauseMs ?? 0)
      // Nobody who waits now will be there then.
      if (failures >= mostFailures || pause >= timeoutSeconds * 1000) return failure
      await wait(pause, signal)
    } else {
      unusables += 1
      if (unusables >= mostUnusable) return failure
    }
  }
}

const sleepFor = (milliseconds: number, signal: AbortSignal) => sleep(milliseconds, undefined, { signal })
