import { parseJson } from '../../base/json.ts'
import type { TrajectoryCall } from '../../kit/trajectory.ts'
import { stepInto } from './template-path.ts'

/** A tool call of the trajectory as a template or Python code reads it, in the sample's field `trajectory`. */
interface ToldCall {
  readonly tool: string
  readonly arguments: unknown
  readonly output: string
  readonly outcome: TrajectoryCall['outcome']
}

/**
 * A sample with what graders in OpenAI's format may ask of it: `choices` where it has none, and, where the trajectory is
 * known, `output_tools` in the shape of chat completions where it has none, and `trajectory`, which is this server's own.
 *
 * @see https://platform.openai.com/docs/guides/graders (Templating: the sample namespace)
 * @example completeSample({ output_text: '42' }, [call]).output_tools // [{ id: 'call_1', type: 'function', function: … }]
 */
export function completeSample(
  sample: Readonly<Record<string, unknown>>,
  trajectory: readonly TrajectoryCall[] | undefined,
): Readonly<Record<string, unknown>> {
  const { output_text: content, output_tools: given, choices } = sample
  const tools = hasElements(given) ? given : trajectory?.map(chatToolCall)
  const message = { role: 'assistant', content, ...(hasElements(tools) && { tool_calls: tools }) }
  return {
    ...sample,
    choices: hasElements(choices) ? choices : [{ index: 0, message, finish_reason: 'stop' }],
    ...(tools !== undefined && { output_tools: tools }),
    ...(trajectory !== undefined && { trajectory: trajectory.map(toldCall) }),
  }
}

const hasElements = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length > 0

function chatToolCall({ callId, tool, arguments: given }: TrajectoryCall) {
  // What the model wrote and is no JSON stands in the ledger as the text that it was.
  const text = typeof given === 'string' ? given : JSON.stringify(given)
  return { id: callId, type: 'function', function: { name: tool, arguments: text } }
}

function toldCall({ tool, arguments: given, output, outcome }: TrajectoryCall): ToldCall {
  return { tool, arguments: given, output, outcome }
}

/**
 * The sample with its `output_json`: where the trainer sent none, what `output_text` is as JSON, if it is JSON. A text
 * that is not, or that is nested too deeply, leaves the sample as it was.
 *
 * @see https://platform.openai.com/docs/api-reference/graders/run (model_sample)
 */
export function withOutputJson(sample: unknown): unknown {
  if (typeof sample !== 'object' || sample === null) return sample
  const text = stepInto(sample, 'output_text')
  if (typeof text !== 'string' || (stepInto(sample, 'output_json') ?? null) !== null) return sample
  try {
    return { ...sample, output_json: parseJson(text) }
  } catch {
    return sample
  }
}
