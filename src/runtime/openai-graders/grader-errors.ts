/**
 * What went wrong in a grading, as the flags of OpenAI's `graders/run`. All of them are always present.
 *
 * @see https://github.com/openai/openai-node/blob/master/src/resources/fine-tuning/alpha/graders.ts (Metadata.Errors)
 */
export interface GraderErrors {
  /** `calculate_output` is invalid, or gives no finite number for these scores. */
  readonly formula_parse_error: boolean
  /** The sample lacks what a template reads: no JSON, no such field, no such tool call. The model's fault. */
  readonly sample_parse_error: boolean
  /** The text to be graded is too long. */
  readonly truncated_observation_error: boolean
  /** An endpoint or a judge did not answer in time. */
  readonly unresponsive_reward_error: boolean
  /** A template reads what the item does not have, or no sample can have. The grader's or the item's fault. */
  readonly invalid_variable_error: boolean
  /** Any other error; the reason says which. */
  readonly other_error: boolean
  /** Python could not run; the `type` says why. */
  readonly python_grader_server_error: boolean
  readonly python_grader_server_error_type: string | null
  /** The Python code raised an exception or returned no number; the `details` are its message. */
  readonly python_grader_runtime_error: boolean
  readonly python_grader_runtime_error_details: string | null
  /** The judging model could not be asked; the `details` say why. */
  readonly model_grader_server_error: boolean
  readonly model_grader_server_error_details: string | null
  /** The judging model declined to answer. */
  readonly model_grader_refusal_error: boolean
  /** The judging model's answer is not a score, or not one of the labels. */
  readonly model_grader_parse_error: boolean
}

const none: GraderErrors = {
  formula_parse_error: false,
  sample_parse_error: false,
  truncated_observation_error: false,
  unresponsive_reward_error: false,
  invalid_variable_error: false,
  other_error: false,
  python_grader_server_error: false,
  python_grader_server_error_type: null,
  python_grader_runtime_error: false,
  python_grader_runtime_error_details: null,
  model_grader_server_error: false,
  model_grader_server_error_details: null,
  model_grader_refusal_error: false,
  model_grader_parse_error: false,
}

/**
 * All flags false and all details null, except those that are given.
 *
 * @example graderErrors({ formula_parse_error: true })
 */
export function graderErrors(raised: Partial<GraderErrors> = {}): GraderErrors {
  return { ...none, ...raised }
}

/** Combines flags: a flag is true if it is true in any of them; of several details the first is kept. */
export function joinErrors(all: readonly GraderErrors[]): GraderErrors {
  return all.reduce(
    (joined, one) => ({
      formula_parse_error: joined.formula_parse_error || one.formula_parse_error,
      sample_parse_error: joined.sample_parse_error || one.sample_parse_error,
      truncated_observation_error: joined.truncated_observation_error || one.truncated_observation_error,
      unresponsive_reward_error: joined.unresponsive_reward_error || one.unresponsive_reward_error,
      invalid_variable_error: joined.invalid_variable_error || one.invalid_variable_error,
      other_error: joined.other_error || one.other_error,
      python_grader_server_error: joined.python_grader_server_error || one.python_grader_server_error,
      python_grader_server_error_type: joined.python_grader_server_error_type ?? one.python_grader_server_error_type,
      python_grader_runtime_error: joined.python_grader_runtime_error || one.python_grader_runtime_error,
      python_grader_runtime_error_details:
        joined.python_grader_runtime_error_details ?? one.python_grader_runtime_error_details,
      model_grader_server_error: joined.model_grader_server_error || one.model_grader_server_error,
      model_grader_server_error_details:
        joined.model_grader_server_error_details ?? one.model_grader_server_error_details,
      model_grader_refusal_error: joined.model_grader_refusal_error || one.model_grader_refusal_error,
      model_grader_parse_error: joined.model_grader_parse_error || one.model_grader_parse_error,
    }),
    none,
  )
}
