import type { Message, MessagePart } from './messages.ts'
import { longestRendered, type Missing, type Rendered, renderTemplate } from './template.ts'
import type { Subject } from './template-path.ts'

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
