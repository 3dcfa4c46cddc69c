import { stringifyExactly } from '../../base/exact-json.ts'
import { parseJson } from '../../base/json.ts'
import type { TrajectoryCall } from '../../kit/trajectory.ts'
import { stepInto } from './template-path.ts'

/**
 * Completes a sample for graders in OpenAI's format: every field that a trainer sends is present, empty where the sample
 * does not have it. A `model_sample` posted to `graders/run` and a trainer's request with the same text give equal samples,
 * so a grader behaves in a job as it did in the rehearsal.
 *
 * With a trajectory, an empty `output_tools` is filled from it in the shape of chat completions, and the field `trajectory`
 * is added, which only this server has.
 *
 * @see https://platform.openai.com/docs/guides/graders (Templating: the sample namespace)
 * @example completeSample({ output_text: '42' }, [call]).output_tools // [{ id: 'call_1', type: 'function', function: … }]
 */
export function completeSample(
  sample: Readonly<Record<string, unknown>>,
  trajectory: readonly TrajectoryCall[] | undefined,
): Readonly<Record<string, unknown>> {
  const { output_text, output_json, output_tools, output_reasoning_summary, choices } = sample
  const tools = hasElements(output_tools) ? output_tools : (trajectory ?? []).map(chatToolCall)
  const message = { role: 'assistant', content: output_text, tool_calls: tools }
  return {
    ...sample,
    choices: hasElements(choices) ? choices : [{ index: 0, message, finish_reason: 'stop' }],
    output_json: output_json ?? null,
    output_tools: tools,
    output_reasoning_summary: output_reasoning_summary ?? null,
    ...(trajectory !== undefined && { trajectory: trajectory.map(recordedCall) }),
  }
}

function hasElements(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0
}

function chatToolCall({ callId, tool, arguments: given }: TrajectoryCall) {
  // The ledger keeps arguments that are not valid JSON as the text that the model wrote.
  const text = typeof given === 'string' ? given : stringifyExactly(given)
  return { id: callId, type: 'function', function: { name: tool, arguments: text } }
}

/** A tool call as templates and Python code read it in `sample.trajectory`. */
function recordedCall({ tool, arguments: given, output, outcome }: TrajectoryCall) {
  return { tool, arguments: given, output, outcome }
}

/**
 * Fills an empty `output_json` with the JSON of `output_text`. The sample stays unchanged if the text is not JSON or is
 * nested too deeply.
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
