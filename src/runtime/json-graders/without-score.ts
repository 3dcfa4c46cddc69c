import { RequestError, UngradableError } from '../../kit/errors.ts'
import type { Graded } from '../openai-graders/graded.ts'
import type { GraderErrors } from '../openai-graders/grader-errors.ts'

/** Somebody who was asked did not tell: another time the same rollout might be graded. */
const unanswered = [
  'unresponsive_reward_error',
  'model_grader_server_error',
  'model_grader_refusal_error',
  'model_grader_parse_error',
  'python_grader_server_error',
] as const satisfies readonly (keyof GraderErrors)[]

/** What Python raised and what a judge wrote may repeat the item or the sample: not for a message. */
const talkative = [
  'python_grader_runtime_error',
  'model_grader_refusal_error',
  'model_grader_parse_error',
] as const satisfies readonly (keyof GraderErrors)[]

/**
 * The error that a grading without a score comes to, never a number: an `UngradableError`, 503, where a judge, an endpoint
 * or Python did not answer; a `RequestError`, 500, where the grader or the item is at fault. The flags that were raised are
 * in its details.
 */
export function withoutScore(name: string, { errors, reason }: Graded): RequestError {
  const flags = Object.entries(errors).flatMap(([flag, raised]) => (raised === true ? [flag] : []))
  const why = talkative.some((flag) => errors[flag]) ? flags.join(', ') : reason
  const message = `the grader "${name}" gave no score: ${why}`
  const options = { details: { flags }, cause: new Error(reason) }
  return unanswered.some((flag) => errors[flag])
    ? new UngradableError(503, 'grader_unanswered', message, options)
    : new RequestError(500, 'grader_gave_no_score', message, options)
}
