import type { Message, MessagePart } from '../openai-graders/messages.ts'

/** A message as chat completions have it. */
export interface ChatMessage extends Readonly<Record<string, unknown>> {
  readonly role: Message['role']
  readonly content: string | readonly Readonly<Record<string, unknown>>[]
}

/** The messages of a grader, as chat completions have them: the same roles and texts, images and sounds passed on. */
export function chatMessages(messages: readonly Message[]): ChatMessage[] {
  return messages.map(({ role, content }) => {
    const parts = Array.isArray(content) ? content : [content]
    const [only] = parts
    // Some servers take a text alone, and no list of one.
    const text = parts.length === 1 && only !== undefined ? textOf(only) : undefined
    return { role, content: text ?? parts.map(chatPart) }
  })
}

function chatPart(part: MessagePart): Readonly<Record<string, unknown>> {
  if (typeof part === 'string') return { type: 'text', text: part }
  switch (part.type) {
    case 'input_image': {
      const { image_url: url, detail } = part
      return { type: 'image_url', image_url: { url, ...(typeof detail === 'string' && { detail }) } }
    }
    case 'input_audio':
      return { type: 'input_audio', input_audio: part.input_audio }
    default:
      return { type: 'text', text: part.text }
  }
}

function textOf(part: MessagePart): string | undefined {
  if (typeof part === 'string') return part
  return part.type === 'input_image' || part.type === 'input_audio' ? undefined : part.text
}
