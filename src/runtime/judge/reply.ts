import { z } from 'zod'
import { shorten } from '../../base/text.ts'
import type { TokenUsage } from '../../kit/judge.ts'
import { noUsage, tokenUsage } from './token-usage.ts'

/**
 * Why there is no answer: the API `refused` the request (a wrong key, an unknown model) or is `unavailable`, the model
 * `declined` to answer or its reply is `unreadable`, or the question `timed_out`.
 */
export type Fault = 'refused' | 'unavailable' | 'declined' | 'unreadable' | 'timed_out'

/** A reply without an answer. */
export interface NoReply {
  readonly ok: false
  readonly fault: Fault
  /** What happened, for the operator; contains no secret. */
  readonly reason: string
  readonly usage: TokenUsage
  /** Whether another try may help. A rate limit is retried as long as there is time. */
  readonly retry: 'no' | 'a few times' | 'while there is time'
  /** How long the API asks to wait, in milliseconds. */
  readonly pauseMs?: number | undefined
  /** The HTTP status, if that is the fault. */
  readonly status?: number
}

/** A judging model's reply to one request. */
export type Reply =
  | { readonly ok: true; readonly text: string; readonly model: string | undefined; readonly usage: TokenUsage }
  | NoReply

/** Some servers send the text in parts, with the reasoning in parts of other types. */
const content = z.union([
  z.string(),
  z
    .array(z.looseObject({ type: z.string().optional(), text: z.string().optional() }))
    .transform((parts) => parts.map(({ type, text }) => (isText(type) ? (text ?? '') : '')).join('')),
])

function isText(type: string | undefined): boolean {
  return type === undefined || type === 'text' || type === 'output_text'
}

const refusalPart = z.looseObject({ type: z.literal('refusal') })

const message = z.object({ content: content.nullish(), refusal: z.string().nullish() })
const completion = z.object({
  model: z.string().min(1).optional().catch(undefined),
  usage: tokenUsage,
  choices: z.tuple([z.object({ finish_reason: z.string().nullish(), message: z.unknown() })], z.unknown()),
})

/** Reads the body of a chat completion: the text of its first choice, or why there is none. */
export function readCompletion(body: unknown): Reply {
  const read = completion.safeParse(body)
  if (!read.success) return unusable('unreadable', 'the reply is not a chat completion', noUsage)
  const { choices, model, usage } = read.data
  const { finish_reason: finish, message: given } = choices[0]
  const parsed = message.safeParse(given)
  if (!parsed.success) return unusable('unreadable', 'the reply is not a chat completion', noUsage)
  if (finish === 'length') return unusable('unreadable', 'the reply was cut off at its token limit', usage)
  if (finish === 'content_filter') return unusable('declined', 'a content filter withheld the reply', usage)
  // A refusal is the model's text and may quote the answer under judgement, so it is not passed on.
  if ((parsed.data.refusal ?? '') !== '' || hasRefusal(given)) {
    return unusable('declined', 'the model refused to answer', usage)
  }
  const text = parsed.data.content ?? ''
  if (text.trim() === '') return unusable('unreadable', 'the reply is empty', usage)
  return { ok: true, text, model: model === undefined ? undefined : shorten(model, 200), usage }
}

const partsOf = z.object({ content: z.array(z.unknown()) })

function hasRefusal(given: unknown): boolean {
  const parts = partsOf.safeParse(given).data?.content ?? []
  return parts.some((part) => refusalPart.safeParse(part).success)
}

/** A reply that cost tokens and cannot be used. Models differ from one try to the next. */
export function unusable(fault: 'declined' | 'unreadable', reason: string, usage: TokenUsage): NoReply {
  return { ok: false, fault, reason, usage, retry: 'a few times' }
}

/**
 * Reads a reply that is one JSON value and nothing else. It may be in a code fence, as servers without schemas write it,
 * and after reasoning that ends with `</think>`, with or without its opening tag. Returns undefined for anything else: a
 * number in a sentence may be one that the judge quotes.
 *
 * @example readJsonReply('The tone is rude. </think>\n{"score": 0.5}') // { score: 0.5 }
 */
export function readJsonReply(text: string): unknown {
  const trimmed = text.trim()
  const whole = parse(withoutFence(trimmed))
  return whole === undefined ? parse(withoutFence(withoutReasoning(trimmed))) : whole
}

/**
 * The text after the reasoning. A `<think>` that is not at the beginning, and a second `</think>` without one, belong to
 * something that the judge quotes.
 */
function withoutReasoning(text: string): string {
  const [, tag] = /^<(think|thinking)>/u.exec(text) ?? /<\/(think|thinking)>/u.exec(text) ?? []
  if (tag === undefined) return ''
  const end = `</${tag}>`
  const last = text.lastIndexOf(end)
  const isAllowed = text.startsWith(`<${tag}>`) || (!text.includes(`<${tag}>`) && text.indexOf(end) === last)
  return last === -1 || !isAllowed ? '' : text.slice(last + end.length).trim()
}

function withoutFence(text: string): string {
  const firstLine = text.indexOf('\n')
  const isFenced = /^```[A-Za-z]*\s*$/u.test(text.slice(0, Math.min(firstLine, 20)))
  return isFenced && text.endsWith('```') ? text.slice(firstLine + 1, -3) : text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
