import { z } from 'zod'
import {
  type Missing,
  maxRenderedLength,
  maxTemplateLength,
  parseTemplate,
  type Rendered,
  renderTemplate,
} from './template.ts'
import type { Subject } from './template-path.ts'

/** A text with `{{ … }}`; problems of its braces and paths are reported with their position, three at most. */
export const templateText = z
  .string()
  .max(maxTemplateLength)
  .superRefine((text, context) => {
    for (const { at, message } of parseTemplate(text).problems.slice(0, 3)) {
      context.addIssue({ code: 'custom', message: `${message} (character ${at + 1})` })
    }
  })

const part = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['input_text', 'output_text', 'text']), text: templateText }),
  z.object({ type: z.literal('input_image'), image_url: templateText, detail: z.string().nullish() }),
  z.object({
    type: z.literal('input_audio'),
    input_audio: z.object({ data: templateText, format: z.string() }),
  }),
])

/** A part of a message to a judging model: a text, an image or audio. A bare string is a text. */
export type MessagePart = string | z.infer<typeof part>

/** The content of a message: a text, a part, or a list of these, each with templates. */
const content = z.union([templateText, part, z.array(z.union([templateText, part])).min(1)], {
  error: ({ input }) =>
    input === undefined
      ? undefined
      : 'must be a text, a part such as { "type": "input_text", "text": … }, or a list of these',
})

/**
 * A message to a judging model.
 *
 * @see https://github.com/openai/openai-node/blob/master/src/resources/graders/grader-models.ts (ScoreModelGrader.Input)
 */
export const message = z.object({
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content,
})

/** A message to a judging model. */
export type Message = z.infer<typeof message>

/** Messages with their templates rendered, or why that fails. */
export type RenderedMessages =
  | { readonly ok: true; readonly messages: readonly Message[] }
  | (Rendered & { readonly ok: false })

/** Renders the templates of messages, which together may be as long as one rendered template. */
export function renderMessages(messages: readonly Message[], subject: Subject): RenderedMessages {
  const failed: (Rendered & { readonly ok: false })[] = []
  let length = 0
  const render = (template: string): string => {
    const rendered = renderTemplate(template, subject)
    if (!rendered.ok) failed.push(rendered)
    const text = rendered.ok ? rendered.text : ''
    length += text.length
    return text
  }
  const renderPart = (part: MessagePart): MessagePart => {
    if (typeof part === 'string') return render(part)
    if (part.type === 'input_image') return { ...part, image_url: render(part.image_url) }
    if (part.type !== 'input_audio') return { ...part, text: render(part.text) }
    return { ...part, input_audio: { ...part.input_audio, data: render(part.input_audio.data) } }
  }
  const messagesSoFar: Message[] = []
  for (const { role, content } of messages) {
    messagesSoFar.push({ role, content: Array.isArray(content) ? content.map(renderPart) : renderPart(content) })
    if (length > maxRenderedLength) {
      const reason = `the messages have more than ${maxRenderedLength} characters`
      return { ok: false, why: 'too_long', reason, missing: [] }
    }
  }
  const worst = failed.find(({ why }) => why !== 'missing') ?? failed[0]
  if (worst === undefined) return { ok: true, messages: messagesSoFar }
  if (worst.why !== 'missing') return worst
  const missing: Missing[] = failed.flatMap((one) => one.missing)
  return { ...worst, missing, reason: [...new Set(failed.map(({ reason }) => reason))].join('; ') }
}
