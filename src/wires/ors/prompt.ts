import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'

/** A part of a prompt or of a tool's output. */
export type Block =
  | { readonly type: 'text'; readonly text: string; readonly detail: null }
  | { readonly type: 'image'; readonly mimeType: string; readonly data: string; readonly detail: null }

/** A text as a block. */
export const textBlock = (text: string): Block => ({ type: 'text', text, detail: null })

const part = z.union([
  z.string().transform(textBlock),
  z.looseObject({ text: z.string() }).transform(({ text }) => textBlock(text)),
  z
    .looseObject({ image_url: z.union([z.string(), z.looseObject({ url: z.string() })]) })
    .transform(({ image_url: image }) => imageBlock(typeof image === 'string' ? image : image.url)),
])
const content = z.union([z.string().transform((text) => [textBlock(text)]), z.array(part)])
const message = z.looseObject({ role: z.string(), content })
const taskWithMessages = z.looseObject({ messages: z.array(message).min(1) })
const taskWithText = z.union([
  z.string(),
  z.looseObject({ prompt: z.string() }).transform(({ prompt }) => prompt),
  z.looseObject({ question: z.string() }).transform(({ question }) => question),
])

/** The roles of a conversation that has not begun: what is said by whom is clear without a name. */
const opening: ReadonlySet<string> = new Set(['developer', 'system', 'user'])

/**
 * The prompt of a task: the texts and images of its `messages`, with the role in front if the model has spoken already; else
 * its `prompt` or `question`; else the task as JSON.
 *
 * @example promptOf({ question: 'What is 2+2?' }) // [{ type: 'text', text: 'What is 2+2?', detail: null }]
 */
export function promptOf(task: unknown): readonly Block[] {
  const conversation = taskWithMessages.safeParse(task)
  if (conversation.success) {
    const { messages } = conversation.data
    const isOpening = messages.every(({ role }) => opening.has(role))
    return messages.flatMap(({ role, content: blocks }) => (isOpening ? blocks : [textBlock(`${role}:`), ...blocks]))
  }
  const text = taskWithText.safeParse(task)
  return [textBlock(text.success ? text.data : (stringifyExactly(task) ?? ''))]
}

/** An image in a data URL as a block; any other address is a text. */
function imageBlock(url: string): Block {
  const [, mimeType, data] = /^data:(image\/[\w.+-]+);base64,(.+)$/s.exec(url) ?? []
  return mimeType === undefined || data === undefined ? textBlock(url) : { type: 'image', mimeType, data, detail: null }
}
