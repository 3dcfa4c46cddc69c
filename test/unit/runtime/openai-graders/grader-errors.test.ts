import { describe, expect, it } from 'vitest'
import { graderErrors, joinErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'

describe('the errors of a grading', () => {
  it('have every documented key, flags false and details null, without an error', () => {
    expect(graderErrors()).toEqual({
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
      model_grader_refusal_error: false,
      model_grader_parse_error: false,
      model_grader_server_error_details: null,
    })
  })

  it('are a new value for each grading', () => {
    expect(graderErrors({ other_error: true })).toEqual({ ...graderErrors(), other_error: true })
    expect(graderErrors()).not.toBe(graderErrors())
    expect(graderErrors().other_error).toBe(false)
  })

  it('are combined from several graders', () => {
    const python = graderErrors({ python_grader_runtime_error: true, python_grader_runtime_error_details: 'first' })
    const later = graderErrors({ python_grader_runtime_error: true, python_grader_runtime_error_details: 'second' })
    expect(joinErrors([graderErrors(), python, graderErrors({ sample_parse_error: true }), later])).toEqual({
      ...python,
      sample_parse_error: true,
    })
    expect(joinErrors([])).toEqual(graderErrors())
  })

  it('keep every key when combined with no error', () => {
    for (const key of Object.keys(graderErrors())) {
      const raised = graderErrors({ [key]: /details|type/u.test(key) ? 'why' : true })
      expect(joinErrors([graderErrors(), raised])).toEqual(raised)
    }
  })
})
