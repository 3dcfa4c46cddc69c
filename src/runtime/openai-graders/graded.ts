import { type GraderErrors, graderErrors } from './grader-errors.ts'
import type { ModelUsage } from './runners.ts'
import type { Missing, Rendered } from './template.ts'
import { type Subject, stepInto } from './template-path.ts'

/** The result of grading one sample. */
export interface Graded {
  /**
   * A finite number, or null if the grader, the item, a judge or a server is at fault. Null is not 0: a rollout that scores 0
   * for such a reason teaches the model that it was wrong.
   */
  readonly score: number | null
  readonly errors: GraderErrors
  /** The scores of a multi grader's graders by their keys; empty for any other grader. */
  readonly subScores: Readonly<Record<string, number | null>>
  /** One sentence for a person, without content of the item. */
  readonly reason: string
  /** The tokens of judging models, one entry per answer. */
  readonly usage: readonly ModelUsage[]
}

/** A result with a score. */
export function scored(score: number, reason: string, rest: Partial<Graded> = {}): Graded {
  return { score, errors: graderErrors(), subScores: {}, reason, usage: [], ...rest }
}

/** A result without a score. */
export function unscored(errors: Partial<GraderErrors>, reason: string, rest: Partial<Graded> = {}): Graded {
  return { score: null, errors: graderErrors(errors), subScores: {}, reason, usage: [], ...rest }
}

/**
 * The result of a template that cannot be rendered. If the model's output lacks what the template reads, the score is 0. If the
 * grader or the item is at fault, there is no score.
 */
export function unfilled(rendered: Rendered & { readonly ok: false }, subject: Subject): Graded {
  const { reason, missing } = rendered
  if (rendered.why === 'too_long') return unscored({ truncated_observation_error: true }, reason)
  if (rendered.why === 'malformed') return unscored({ invalid_variable_error: true }, reason)
  const ours = missing.filter((one) => !isOfTheModel(one, subject))
  if (ours.length > 0) return unscored({ invalid_variable_error: true }, reason)
  return scored(0, reason, { errors: graderErrors({ sample_parse_error: true }) })
}

/** Whether the model's output is at fault: trainers send the field, and JSON is read from the text that they always send. */
function isOfTheModel({ path }: Missing, { sample }: Subject): boolean {
  if (path.namespace !== 'sample' || typeof sample !== 'object' || sample === null) return false
  const [field] = path.steps
  return field === 'output_json' || field === 'output_text' || (stepInto(sample, field) ?? null) !== null
}
