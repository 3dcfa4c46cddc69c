import { z } from 'zod'
import {
  longestRendered,
  longestTemplate,
  type Missing,
  parseTemplate,
  type Rendered,
  renderTemplate,
} from './template.ts'
import type { Subject } from './template-path.ts'

/** A text with `{{ … }}` in it; what is wrong with its braces and paths is told with the place, three at most. */
export const templateText = z
  .string()
  .max(longestTemplate)
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

/** A part of a message to a judging model: a text, an image or a sound; a bare string is a text. */
export type MessagePart = string | z.infer<typeof part>

/** What a message says: a text or one part or several of them, each with templates. */
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

/** Messages with their templates filled in, or why that cannot be. */
export type FilledMessages =
  | { readonly ok: true; readonly messages: readonly Message[] }
  | (Rendered & { readonly ok: false })

/** Fills in every text of some messages, which may together be as long as one template may become. */
export function fillMessages(messages: readonly Message[], subject: Subject): FilledMessages {
  const failed: (Rendered & { readonly ok: false })[] = []
  let length = 0
  const fill = (template: string): string => {
    const rendered = renderTemplate(template, subject)
    if (!rendered.ok) failed.push(rendered)
    const text = rendered.ok ? rendered.text : ''
    length += text.length
    return text
  }
  const fillPart = (part: MessagePart): MessagePart => {
    if (typeof part === 'string') return fill(part)
    if (part.type === 'input_image') return { ...part, image_url: fill(part.image_url) }
    if (part.type !== 'input_audio') return { ...part, text: fill(part.text) }
    return { ...part, input_audio: { ...part.input_audio, data: fill(part.input_audio.data) } }
  }
  const filled: Message[] = []
  for (const { role, content } of messages) {
    filled.push({ role, content: Array.isArray(content) ? content.map(fillPart) : fillPart(content) })
    if (length > longestRendered) {
      const reason = `the messages have more than ${longestRendered} characters`
      return { ok: false, why: 'too_long', reason, missing: [] }
    }
  }
  const worst = failed.find(({ why }) => why !== 'missing') ?? failed[0]
  if (worst === undefined) return { ok: true, messages: filled }
  if (worst.why !== 'missing') return worst
  const missing: Missing[] = failed.flatMap((one) => one.missing)
  return { ...worst, missing, reason: [...new Set(failed.map(({ reason }) => reason))].join('; ') }
}
