import { z } from 'zod'
import { shorten } from '../../base/shorten.ts'
import type { TokenUsage } from '../../kit/judge.ts'
import { noUsage, tokenUsage } from './token-usage.ts'

/**
 * Why there is no answer: the API `refused` the request (a wrong key, an unknown model), is `unavailable`, the model
 * `declined` to answer or wrote what is `unreadable`, or it is too `late`.
 */
export type Fault = 'refused' | 'unavailable' | 'declined' | 'unreadable' | 'late'

/** A reply without an answer. */
export interface NoReply {
  readonly ok: false
  readonly fault: Fault
  /** What happened, for the operator; holds no secret. */
  readonly why: string
  readonly usage: TokenUsage
  /** Whether another try may help: a few times, or as often as there is time, as when the API says that it is too much. */
  readonly again: 'no' | 'a few times' | 'while there is time'
  /** How long the API wants to be left alone, in milliseconds. */
  readonly pauseMs?: number | undefined
  /** The HTTP status, where that is the fault. */
  readonly status?: number
}

/** What a judging model said to one request. */
export type Reply =
  | { readonly ok: true; readonly text: string; readonly model: string | undefined; readonly usage: TokenUsage }
  | NoReply

const completion = z.object({
  model: z.string().min(1).optional().catch(undefined),
  usage: tokenUsage,
  choices: z.tuple(
    [
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
      }),
    ],
    z.unknown(),
  ),
})

/** Reads the body of a chat completion: the text of its first choice, or why it is none. */
export function readCompletion(body: unknown): Reply {
  const read = completion.safeParse(body)
  if (!read.success) return unusable('unreadable', 'the reply is no chat completion', noUsage)
  const { choices, model, usage } = read.data
  const { finish_reason: finish, message } = choices[0]
  if (finish === 'length') return unusable('unreadable', 'the reply was cut off at its most tokens', usage)
  if (finish === 'content_filter') return unusable('declined', 'the reply was held back by a content filter', usage)
  // A refusal is the model's text, which may quote what was judged: it is nobody's to read but the model's.
  if ((message.refusal ?? '') !== '') return unusable('declined', 'the model refused to answer', usage)
  const text = message.content ?? ''
  if (text.trim() === '') return unusable('unreadable', 'the reply is empty', usage)
  return { ok: true, text, model: model === undefined ? undefined : shorten(model, 200), usage }
}

/** A reply that cost tokens and says nothing: models differ from one try to the next. */
export const unusable = (fault: 'declined' | 'unreadable', why: string, usage: TokenUsage): NoReply => ({
  ok: false,
  fault,
  why,
  usage,
  again: 'a few times',
})

/**
 * Reads a reply that is one JSON value and nothing else. Servers that know nothing of schemas may put it into a code
 * fence, and models that think aloud may do so in `<think>` before it. Undefined for anything else: a number that stands in
 * a sentence may be one that the judge quotes.
 *
 * @example readJsonReply('```json\n{"score": 0.5}\n```') // { score: 0.5 }
 */
export function readJsonReply(text: string): unknown {
  const trimmed = text.trim()
  const thought = trimmed.startsWith('<think>') ? trimmed.lastIndexOf('</think>') : -1
  const said = thought === -1 ? trimmed : trimmed.slice(thought + '</think>'.length).trim()
  try {
    return JSON.parse(unfenced(said))
  } catch {
    return undefined
  }
}

function unfenced(text: string): string {
  const firstLine = text.indexOf('\n')
  const isFenced = /^```[A-Za-z]*\s*$/u.test(text.slice(0, Math.min(firstLine, 20)))
  return isFenced && text.endsWith('```') ? text.slice(firstLine + 1, -3) : text
}
