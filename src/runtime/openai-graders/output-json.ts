import { parseJson } from '../../base/json.ts'
import { stepInto } from './template-path.ts'

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
