import { z } from 'zod'
import { parseExactly, stringifyExactly } from '../../base/exact-json.ts'
import type { ExportedCall, ExportedRollout } from '../../ledger/reports/exported.ts'

const itemShape = z.looseObject({
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1),
  tools: z.array(z.unknown()).min(1).nullish(),
})
const sampleShape = z.looseObject({ output_text: z.string() })
const textParts = z.array(z.looseObject({ type: z.enum(['text', 'input_text', 'output_text']), text: z.string() }))

/** Why a rollout cannot be an example for fine-tuning. */
export type NotAnExample =
  | 'the item has no messages'
  | 'there is no answer'
  | 'a call was not answered'
  | 'a call names a tool that is not offered'
  | 'the arguments of a call are not a JSON object'

const toolName = /^[A-Za-z0-9_-]{1,64}$/
const offeredTool = z.looseObject({ function: z.looseObject({ name: z.string() }) })
const object = z.record(z.string(), z.unknown())

/** A line of the format `chat`, as OpenAI's fine-tuning takes it. */
export interface ChatLine {
  readonly messages: readonly Readonly<Record<string, unknown>>[]
  readonly tools?: readonly unknown[]
  readonly parallel_tool_calls?: boolean
}

/**
 * Makes an example for fine-tuning from a rollout: the item's messages, the model's calls, the answer. Calls that ran at the
 * same time are one message, as a model makes them. Ids are numbered, because a trainer's may be longer than the 40
 * characters that are accepted. `tools` are those of the item, otherwise `offered`.
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
  const tools = read.data.tools ?? offered
  const names = new Set(tools.flatMap((tool) => offeredTool.safeParse(tool).data?.function.name ?? []))
  const isOffered = ({ tool }: ExportedCall) => toolName.test(tool) && (names.size === 0 || names.has(tool))
  if (!calls.every(isOffered)) return 'a call names a tool that is not offered'
  const texts = new Map(calls.map((call) => [call.seq, argumentsText(call.arguments)]))
  if ([...texts.values()].includes(undefined)) return 'the arguments of a call are not a JSON object'
  const groups = togetherIn(calls)
  const turns = groups.flatMap((group) => [
    {
      role: 'assistant',
      tool_calls: group.map(({ seq, tool }) => ({
        id: `call_${seq}`,
        type: 'function',
        function: { name: tool, arguments: texts.get(seq) ?? '{}' },
      })),
    },
    ...group.map(({ seq, output }) => ({ role: 'tool', tool_call_id: `call_${seq}`, content: output })),
  ])
  const messages = [...read.data.messages.map(plain), ...turns, { role: 'assistant', content: answer }]
  if (tools.length === 0) return { messages }
  return { messages, tools, parallel_tool_calls: groups.some(({ length }) => length > 1) }
}

/** The arguments of a call as a trainer takes them, the text of an object; undefined if they are not an object. */
function argumentsText(recorded: unknown): string | undefined {
  const value = typeof recorded === 'string' ? parsed(recorded) : recorded
  if (value === null || value === '') return '{}'
  const read = object.safeParse(value)
  return read.success ? stringifyExactly(read.data) : undefined
}

function parsed(text: string): unknown {
  if (text.trim() === '') return ''
  try {
    return parseExactly(text)
  } catch {
    return undefined
  }
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

/** Joins a content of text parts to one text; other content, such as images, stays as it is. */
function plain(message: z.infer<typeof itemShape>['messages'][number]): Readonly<Record<string, unknown>> {
  const parts = textParts.safeParse(message.content)
  return parts.success ? { ...message, content: parts.data.map(({ text }) => text).join('\n') } : message
}
