import { z } from 'zod'
import type { ExportedCall, ExportedRollout } from '../../ledger/reports/exported.ts'

const itemShape = z.looseObject({
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1),
  tools: z.array(z.unknown()).min(1).nullish(),
})
const sampleShape = z.looseObject({ output_text: z.string() })
const textParts = z.array(z.looseObject({ type: z.enum(['text', 'input_text', 'output_text']), text: z.string() }))

/** Why a rollout is no example for fine-tuning. */
export type NotAnExample = 'the item has no messages' | 'there is no answer' | 'a call was not answered'

/** A line of the format `chat`, as OpenAI's fine-tuning takes it. */
export interface ChatLine {
  readonly messages: readonly Readonly<Record<string, unknown>>[]
  readonly tools?: readonly unknown[]
  readonly parallel_tool_calls?: boolean
}

/**
 * Makes an example for fine-tuning of a rollout: the item's messages, the calls as the model made them, the answer. Calls that
 * ran at the same time are one message, as a model makes them; ids are numbered, for those of a trainer may be longer than
 * the 40 characters that are taken. `tools` are those of the item, else `offered`.
 *
 * @see https://platform.openai.com/docs/guides/fine-tuning-best-practices
 */
export function chatLineOf(
  { item, calls, samples, sample_hash: counts }: ExportedRollout,
  offered: readonly unknown[],
): ChatLine | NotAnExample {
  const read = itemShape.safeParse(item)
  if (!read.success) return 'the item has no messages'
  const answer = sampleShape.safeParse(samples[counts ?? '']).data?.output_text ?? ''
  if (answer.trim() === '') return 'there is no answer'
  if (calls.some(({ outcome }) => outcome === 'failed' || outcome === 'running')) return 'a call was not answered'
  const groups = togetherIn(calls)
  const turns = groups.flatMap((group) => [
    {
      role: 'assistant',
      tool_calls: group.map(({ seq, tool, arguments: args }) => ({
        ...{ id: `call_${seq}`, type: 'function' },
        function: { name: tool, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
      })),
    },
    ...group.map(({ seq, output }) => ({ role: 'tool', tool_call_id: `call_${seq}`, content: output })),
  ])
  const messages = [...read.data.messages.map(plain), ...turns, { role: 'assistant', content: answer }]
  const tools = read.data.tools ?? offered
  if (tools.length === 0) return { messages }
  return { messages, tools, parallel_tool_calls: groups.some(({ length }) => length > 1) }
}

/** Calls that began before any of those before them had ended. */
function togetherIn(calls: readonly ExportedCall[]): readonly (readonly ExportedCall[])[] {
  const groups: ExportedCall[][] = []
  for (const call of calls) {
    const group = groups.at(-1)
    const isTogether = group?.every(({ finished_at: end }) => end === null || call.started_at < end) === true
    if (group !== undefined && isTogether) group.push(call)
    else groups.push([call])
  }
  return groups
}

/** Text in parts is a text; images and what else there is stay as they are. */
function plain(message: z.infer<typeof itemShape>['messages'][number]): Readonly<Record<string, unknown>> {
  const parts = textParts.safeParse(message.content)
  return parts.success ? { ...message, content: parts.data.map(({ text }) => text).join('\n') } : message
}
