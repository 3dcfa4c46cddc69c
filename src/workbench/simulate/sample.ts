import type { Answer } from './agent.ts'
import type { CallTrace } from './trace.ts'

/** A text read as JSON; undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The sample of a grading, in the trainer's shape; `format` is what the item asks of the answer's form. */
export function sampleOf({ text, reasoningSummary }: Answer, calls: readonly CallTrace[], format: unknown) {
  const tools = calls.map((call) => {
    const args = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments)
    return { id: call.call_id, type: 'function', function: { name: call.tool, arguments: args } }
  })
  const message = { role: 'assistant', content: text, tool_calls: [] }
  return {
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    output_text: text,
    output_json: format === undefined || format === null ? null : (parsed(text) ?? null),
    output_tools: tools,
    output_reasoning_summary: reasoningSummary ?? null,
  }
}
