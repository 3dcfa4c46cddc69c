import { z } from 'zod'
import { parseJson } from '../../base/json.ts'
import { RequestError } from '../../kit/errors.ts'

/** One rollout in a request of a reward wire: the item, and what the model wrote. */
export interface Entry {
  readonly item: unknown
  readonly text: string
  /** The id of a rollout that called tools here; undefined where the trainer has none. */
  readonly rolloutId?: string | undefined
}

/**
 * Reads the label of a dataset row, which is all of the row that slime and OpenRLHF send:
 *
 * - an object, or its JSON text, is the item;
 * - `{ "item": …, "trace_id": … }` is the item of a rollout that called tools here, and its id;
 * - another text or a number is the reference answer: the item is `{ messages, reference_answer }`, as OpenAI and AWS send it;
 * - null and the empty text mean an item without a reference: `{ messages }`.
 *
 * @param messages the prompt as chat messages
 * @example readLabel('94', messages) // { item: { messages, reference_answer: '94' } }
 */
export function readLabel(label: unknown, messages: readonly unknown[]): Pick<Entry, 'item' | 'rolloutId'> {
  const value = typeof label === 'string' ? objectIn(label) : label
  if (typeof value !== 'object') {
    const isAnswer = value !== undefined && value !== ''
    return { item: isAnswer ? { messages, reference_answer: value } : { messages } }
  }
  if (value === null) return { item: { messages } }
  return named(value) ?? { item: value }
}

const withId = z.strictObject({ item: z.looseObject({}), trace_id: z.string().min(1) })

/** The item and the rollout id of a label that has these two fields and no other. */
function named(label: object): Pick<Entry, 'item' | 'rolloutId'> | undefined {
  const read = withId.safeParse(label)
  if (!read.success) return undefined
  const { item, trace_id: rolloutId } = read.data
  if (rolloutId.length <= 256) return { item, rolloutId }
  throw new RequestError(400, 'invalid_request', 'the "trace_id" in a label has more than 256 characters')
}

/** The object that a text encodes, otherwise the text. */
function objectIn(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return text
  try {
    return parseJson(text)
  } catch {
    return text
  }
}

/** The prompt as chat messages: trainers send messages, or one text with the chat template applied. */
export function messagesOf(prompt: unknown): readonly unknown[] {
  return Array.isArray(prompt) ? prompt : [{ role: 'user', content: prompt ?? '' }]
}

/** A special token at the end of a text, as the chat templates of common models end a turn. */
const endToken = /(?:<\|[\w./-]{1,40}\|>|<｜[\w▁]{1,40}｜>|<\/s>|<eos>|<end_of_turn>)$/u

/**
 * Removes the special tokens at the end of a completion, such as `<|im_end|>`, `</s>` and `<eos>`: slime and OpenRLHF decode
 * with them, and a comparison with the reference would fail because of them.
 *
 * @example withoutEndTokens('94<|im_end|>\n') // '94'
 */
export function withoutEndTokens(completion: string): string {
  let text = completion
  for (;;) {
    const trimmed = text.trimEnd()
    const [token] = endToken.exec(trimmed.slice(-64)) ?? []
    if (token === undefined) return text === completion ? text : trimmed
    text = trimmed.slice(0, -token.length)
  }
}

/**
 * The completion in a text that begins with its prompt, as OpenRLHF sends it.
 *
 * @throws RequestError 422 `prompt_not_found` if the text does not begin with the prompt: the trainer truncated it, and
 * grading the prompt together with the completion could score what the model did not write.
 */
export function completionIn(query: string, prompt: string): string {
  if (query.startsWith(prompt)) return query.slice(prompt.length)
  const message =
    'a "query" does not begin with its prompt, so the completion in it is unknown; is the prompt longer than the trainer allows?'
  throw new RequestError(422, 'prompt_not_found', message)
}
