import { setMaxListeners } from 'node:events'
import { LRUCache } from 'lru-cache'
import { withDeadline } from '../../base/deadline.ts'
import { contentHash } from '../../base/json.ts'
import type { Sampling, TokenUsage } from '../../kit/judge.ts'
import { createSingleFlight, createSlots } from '../concurrency.ts'
import { type Completions, createCompletions } from './completions.ts'
import type { Fault, NoReply } from './reply.ts'
import { type Answer, type Body, type Pauses, sendUntilAnswered } from './retry.ts'
import type { JudgeSettings } from './settings.ts'
import { addUsage, createTally, noUsage, type RequestCounts } from './token-usage.ts'

/** A question to a model, and how its reply is read. */
export interface ModelQuestion<Value> {
  /** The model by the name that the caller uses; the settings may map it to another. */
  readonly model: string
  /** In the format of chat completions. */
  readonly messages: readonly Readonly<Record<string, unknown>>[]
  readonly sampling: Sampling
  /** The JSON Schema of the reply: all fields required, no others allowed. */
  readonly schema: Readonly<Record<string, unknown>>
  /** Reads a reply; undefined if it does not match the schema. Equal texts must give equal values. */
  readonly read: (text: string) => Value | undefined
}

/** The outcome of a {@link ModelQuestion}. */
export type ModelAnswer<Value> = (
  | {
      readonly ok: true
      readonly value: Value
      /** The model that answered, as the API names it. */
      readonly answeredBy: string
    }
  | {
      readonly ok: false
      readonly fault: Fault
      /** For the operator; contains no secret. */
      readonly reason: string
      readonly status?: number | undefined
      readonly retryAfterSeconds?: number | undefined
    }
) & {
  /** The model that was asked. */
  readonly model: string
  /** The cost of all tries; 0 if the answer was cached or belongs to an equal question that was already being asked. */
  readonly usage: TokenUsage
}

/** Asks judging models for all rollouts. */
export interface JudgeClient {
  /** The address of the API, without secrets. */
  readonly address: string
  /** The model for questions that name none. */
  readonly defaultModel: string
  /** The timeout of a question, in seconds. */
  readonly timeoutSeconds: number
  /** Asks the model or answers from the cache. Rejects only with the signal's reason when that aborts. */
  ask<Value>(question: ModelQuestion<Value>, signal: AbortSignal): Promise<ModelAnswer<Value>>
  /** The tokens used since the start, by model. */
  usage(): ReadonlyMap<string, TokenUsage>
  /** The requests since the start, by model. */
  requests(): ReadonlyMap<string, RequestCounts>
}

/** The options of {@link createJudgeClient}. */
export interface JudgeClientOptions extends JudgeSettings, Pauses {
  /** The timeout of one request, in seconds; half of a question's by default. */
  readonly trySeconds?: number
  /** The size of the cache of answers, in bytes, 32 MiB by default. */
  readonly cacheBytes?: number
}

/**
 * Makes a client of an API for chat completions with structured output. The newer Responses API is not used, because hardly
 * any other server offers it.
 *
 * Requests wait for a slot, first come, first served. Connection errors, 408, 409, 429 and 5xx are retried, no sooner than
 * `Retry-After` says: a 429 while there is time, the others a few times. Answers are cached by the whole request, and equal
 * questions at the same time are asked once.
 */
export function createJudgeClient(options: JudgeClientOptions): JudgeClient {
  const { timeoutSeconds, trySeconds = timeoutSeconds / 2, cacheBytes = 33_554_432 } = options
  const completions = createCompletions({ ...options, trySeconds })
  const url = new URL(options.url)
  const slots = createSlots(options.concurrency)
  const tally = createTally()
  const cache = new LRUCache<string, Answer>({
    maxSize: cacheBytes,
    maxEntrySize: Math.floor(cacheBytes / 8),
    sizeCalculation: ({ text, model }, key) => 2 * (key.length + text.length + model.length) + 200,
  })
  const singleFlight = createSingleFlight<Answer | NoReply>()
  const send: Completions = (body, signal) => slots(signal, () => completions(body, signal))

  return {
    address: `${url.origin}${url.pathname}`,
    defaultModel: options.model,
    timeoutSeconds,
    usage: tally.byModel,
    requests: tally.requests,
    async ask(question, signal) {
      const model = options.models.get(question.model) ?? question.model
      const body = bodyOf(question, model)
      const key = contentHash(body)
      const spent = { usage: noUsage, lastFault: '' }
      const onReply = (reply: NoReply | { usage: TokenUsage }) => {
        tally.add(model, reply.usage, !('reason' in reply))
        spent.usage = addUsage(spent.usage, reply.usage)
        if ('reason' in reply) spent.lastFault = `; last: ${reply.reason}`
      }
      const isReadable = (text: string) => question.read(text) !== undefined
      const work = async (within: AbortSignal) => {
        const cached = cache.get(key)
        if (cached !== undefined) return cached
        const answer = await sendUntilAnswered({ ...options, send, isReadable, onReply }, body, within)
        if (answer.ok) cache.set(key, answer)
        return answer
      }
      // A grader may ask many questions at once, all with its one signal.
      setMaxListeners(0, signal)
      const late = new Error('the question timed out')
      const deadline = { seconds: timeoutSeconds, late: () => late, parents: [signal] }
      const answer = await withDeadline(deadline, (within) => singleFlight(key, within, work)).catch(
        (error: unknown) => {
          if (error !== late) throw error
          return timedOut(timeoutSeconds, spent)
        },
      )
      const { usage } = spent
      if (!answer.ok) return { ...answer, retryAfterSeconds: secondsOf(answer.pauseMs), model, usage }
      const value = question.read(answer.text)
      if (value === undefined) throw new Error('the same reply was readable before')
      return { ok: true, value, answeredBy: answer.model, model, usage }
    },
  }
}

function timedOut(
  seconds: number,
  { usage, lastFault }: { readonly usage: TokenUsage; readonly lastFault: string },
): NoReply {
  return { ok: false, fault: 'timed_out', reason: `no answer in ${seconds} s${lastFault}`, usage, retry: 'no' }
}

function secondsOf(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.ceil(milliseconds / 1000)
}

function bodyOf({ messages, sampling, schema }: ModelQuestion<unknown>, model: string): Body {
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
