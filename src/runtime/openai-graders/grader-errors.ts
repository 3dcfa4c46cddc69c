/**
 * What went wrong in a grading, by the flags of OpenAI's `graders/run`; all of them are always there.
 *
 * @see https://github.com/openai/openai-node/blob/master/src/resources/fine-tuning/alpha/graders.ts (Metadata.Errors)
 */
export interface GraderErrors {
  /** `calculate_output` cannot be read, or makes no finite number of these scores. */
  readonly formula_parse_error: boolean
  /** The sample has not what a template asks of it: no JSON, no such field, no such tool call. The model's fault. */
  readonly sample_parse_error: boolean
  /** What is to be graded is longer than is graded. */
  readonly truncated_observation_error: boolean
  /** A grader that is asked elsewhere did not answer in its time. */
  readonly unresponsive_reward_error: boolean
  /** A template asks for what neither the item nor a sample has. The fault of the grader or of the item. */
  readonly invalid_variable_error: boolean
  /** None of the others fits; the reason says what it was. */
  readonly other_error: boolean
  /** Python could not be run; the `type` beside it says why. */
  readonly python_grader_server_error: boolean
  readonly python_grader_server_error_type: string | null
  /** The Python code threw or gave no number; the `details` beside it are its message. */
  readonly python_grader_runtime_error: boolean
  readonly python_grader_runtime_error_details: string | null
  /** The judging model could not be asked; the `details` beside it say why. */
  readonly model_grader_server_error: boolean
  readonly model_grader_server_error_details: string | null
  /** The judging model refused to judge. */
  readonly model_grader_refusal_error: boolean
  /** The judging model's answer is no score and no label that it was allowed to give. */
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
 * All flags false and all details null, but for those that are given.
 *
 * @example graderErrors({ formula_parse_error: true })
 */
export function graderErrors(raised: Partial<GraderErrors> = {}): GraderErrors {
  return { ...none, ...raised }
}

/** A flag is true where it is true in any of these; of several details the first stands. */
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
