import type { z } from 'zod'
import { describeIssues, showingValues } from '../base/issues.ts'
import type { Sample } from './define-grader.ts'
import { describeParameters, parametersOf } from './tool-parameters.ts'

/**
 * What a model calls to finish, on wires where the model ends a rollout with a call instead of a message. It is not a tool
 * call: it is not recorded in the trajectory, takes nothing from the budget, and is answered with the score.
 */
export interface SubmitSpec<Input extends z.ZodObject = z.ZodObject> {
  /** The name that the model uses: letters, digits, `_` and `-`, at most 64. No tool may have it. */
  readonly name: string
  /** Tells the model what to submit. */
  readonly description?: string
  /** Validates the arguments and types `input`. */
  readonly input: Input
  /** Turns the arguments into the sample that graders see; a string is its `output_text`. */
  sample(input: z.output<Input>): string | Sample
}

/** A {@link SubmitSpec} as the server uses it. */
export interface Submit {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Parses the arguments; the message for invalid ones is meant for the model. */
  open(
    args: unknown,
  ): { readonly fits: true; readonly sample: Sample } | { readonly fits: false; readonly message: string }
}

/** Makes it from its definition. Throws if its name or schema cannot be offered to a model. */
export function makeSubmit<Input extends z.ZodObject>(spec: SubmitSpec<Input>): Submit {
  const { name, description = 'Submit the final answer. This ends the task.' } = spec
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw new Error(`the environment's submit has the invalid name "${name}": use at most 64 letters, digits, _ and -`)
  }
  const parameters = parametersOf(name, spec.input)
  return {
    name,
    description,
    parameters,
    open(args) {
      const input = spec.input.safeParse(args, showingValues)
      if (!input.success) {
        const takes = describeParameters(name, parameters, args)
        return {
          fits: false,
          message: `invalid arguments: ${describeIssues(input.error)}. ${takes}; call it again with those`,
        }
      }
      const sample = spec.sample(input.data)
      return { fits: true, sample: typeof sample === 'string' ? { output_text: sample } : sample }
    },
  }
}
