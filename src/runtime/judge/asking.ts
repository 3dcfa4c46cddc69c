import { setMaxListeners } from 'node:events'
import { LRUCache } from 'lru-cache'
import { withDeadline } from '../../base/deadline.ts'
import { contentHash } from '../../base/json.ts'
import type { Sampling, TokenUsage } from '../../kit/judge.ts'
import { createSharedWork, createSlots } from '../concurrency.ts'
import { createModelClient, type ModelClient } from './model-client.ts'
import type { Fault, NoReply } from './reply.ts'
import { type Answer, askUntilAnswered, type Body, type Pauses } from './retry.ts'
import type { JudgeSettings } from './settings.ts'
import { addUsage, createTally, noUsage } from './token-usage.ts'

/** What a model is asked, and how its reply is read. */
export interface Ask<Value> {
  /** The model by the name that the asker knows; the settings may have another for it. */
  readonly model: string
  /** As chat completions have them. */
  readonly messages: readonly Readonly<Record<string, unknown>>[]
  readonly sampling: Sampling
  /** The JSON Schema of the reply: all fields required, no others allowed. */
  readonly schema: Readonly<Record<string, unknown>>
  /** Reads a reply; undefined when it is not what was asked for. The same text must always come to the same. */
  readonly read: (text: string) => Value | undefined
}

/** What came of asking. */
export type Asked<Value> = (
  | {
      readonly ok: true
      readonly value: Value
      /** The model that answered, by its own account. */
      readonly answeredBy: string
    }
  | {
      readonly ok: false
      readonly fault: Fault
      /** For the operator; holds no secret. */
      readonly why: string
      readonly status?: number | undefined
      readonly retryAfterSeconds?: number | undefined
    }
) & {
  /** The model that was asked. */
  readonly model: string
  /** What it cost, tries that came to nothing included; none when it was remembered or somebody else had asked it. */
  readonly usage: TokenUsage
}

/** Asks models, for all rollouts together. */
export interface Asking {
  /** What is asked, without what is secret in its address. */
  readonly address: string
  /** The model for questions that name none. */
  readonly defaultModel: string
  /** How long a question may take, in seconds. */
  readonly timeoutSeconds: number
  /** Asks, or remembers; rejects with the signal's reason when that aborts, and else never. */
  ask<Value>(question: Ask<Value>, signal: AbortSignal): Promise<Asked<Value>>
  /** The tokens spent since the start, by model. */
  usage(): ReadonlyMap<string, TokenUsage>
}

/** What {@link createAsking} is made of. */
export interface AskingOptions extends JudgeSettings, Pauses {
  /** How long one request may take, in seconds; half of a question's time when left out. */
  readonly trySeconds?: number
  /** How much of answers is remembered, in bytes, 32 MiB when left out. */
  readonly cacheBytes?: number
}

/**
 * Makes what asks an API for chat completions with structured output: not its newer Responses, which hardly any other
 * server speaks.
 *
 * Requests wait for one of so many slots, first come, first served. Connection errors, 408, 409, 429 and 5xx are tried
 * again, no sooner than `Retry-After` says: a 429 while there is time, the others a few times. What was answered is
 * remembered by what was asked; equal questions at the same time are asked once.
 */
export function createAsking(options: AskingOptions): Asking {
  const { timeoutSeconds, trySeconds = timeoutSeconds / 2, cacheBytes = 33_554_432 } = options
  const client = createModelClient({ ...options, trySeconds })
  const url = new URL(options.url)
  const slots = createSlots(options.concurrency)
  const tally = createTally()
  const remembered = new LRUCache<string, Answer>({
    maxSize: cacheBytes,
    maxEntrySize: Math.floor(cacheBytes / 8),
    sizeCalculation: ({ text, model }, key) => 2 * (key.length + text.length + model.length) + 200,
  })
  const shared = createSharedWork<Answer | NoReply>()
  const inSlot: ModelClient = (body, signal) => slots(signal, () => client(body, signal))

  return {
    address: `${url.origin}${url.pathname}`,
    defaultModel: options.model,
    timeoutSeconds,
    usage: tally.byModel,
    async ask(question, signal) {
      const model = options.models.get(question.model) ?? question.model
      const body = bodyOf(question, model)
      const key = contentHash(body)
      const spent = { usage: noUsage, last: '' }
      const watch = (reply: NoReply | { usage: TokenUsage }) => {
        tally.add(model, reply.usage)
        spent.usage = addUsage(spent.usage, reply.usage)
        if ('why' in reply) spent.last = `; at last ${reply.why}`
      }
      const isReadable = (text: string) => question.read(text) !== undefined
      const work = async (within: AbortSignal) => {
        const found = remembered.get(key)
        if (found !== undefined) return found
        const patience = { ...options, client: inSlot, isReadable, watch }
        const answer = await askUntilAnswered(patience, body, within)
        if (answer.ok) remembered.set(key, answer)
        return answer
      }
      // A grader may ask many questions at once, all on its one signal.
      setMaxListeners(0, signal)
      const late = new Error('late')
      const deadline = { seconds: timeoutSeconds, late: () => late, parents: [signal] }
      const answer = await withDeadline(deadline, (within) => shared(key, within, work)).catch((error: unknown) => {
        if (error !== late) throw error
        return { ok: false, fault: 'late', why: `no answer in ${timeoutSeconds} s${spent.last}` } as const
      })
      const { usage } = spent
      if (!answer.ok) return { ...answer, retryAfterSeconds: secondsOf(answer), model, usage }
      const value = question.read(answer.text)
      if (value === undefined) throw new Error('a reply was read once and not again')
      return { ok: true, value, answeredBy: answer.model, model, usage }
    },
  }
}

const secondsOf = (answer: object) =>
  'pauseMs' in answer && typeof answer.pauseMs === 'number' ? Math.ceil(answer.pauseMs / 1000) : undefined

function bodyOf({ messages, sampling, schema }: Ask<unknown>, model: string): Body {
  const { temperature, topP, seed, reasoningEffort, maxTokens } = sampling
  return {
    model,
    messages,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(seed !== undefined && { seed }),
    ...(reasoningEffort !== undefined && { reasoning_effort: reasoningEffort }),
    ...(maxTokens !== undefined && { max_completion_tokens: maxTokens }),
    response_format: { type: 'json_schema', json_schema: { name: 'verdict', strict: true, schema } },
  }
}
