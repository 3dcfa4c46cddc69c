import { type GraderErrors, graderErrors } from './grader-errors.ts'
import type { ModelUsage } from './runners.ts'
import type { Missing, Rendered } from './template.ts'
import { type Subject, stepInto } from './template-path.ts'

/** What a grader said of one sample. */
export interface Graded {
  /**
   * A finite number, or null when nothing can be said of the sample because of the grader, the item, a judge or a server.
   * Null is not 0: a rollout that is scored 0 for our fault teaches the model that it was wrong.
   */
  readonly score: number | null
  readonly errors: GraderErrors
  /** The scores of a multi grader's graders by their keys; empty for any other grader. */
  readonly subScores: Readonly<Record<string, number | null>>
  /** One sentence for a person; repeats nothing of the item. */
  readonly reason: string
  /** What judging models were asked, one entry an answer. */
  readonly usage: readonly ModelUsage[]
}

/** A grading that came to a number. */
export const scored = (score: number, reason: string, rest: Partial<Graded> = {}): Graded => ({
  score,
  errors: graderErrors(),
  subScores: {},
  reason,
  usage: [],
  ...rest,
})

/** A grading that came to none. */
export const unscored = (errors: Partial<GraderErrors>, reason: string, rest: Partial<Graded> = {}): Graded => ({
  score: null,
  errors: graderErrors(errors),
  subScores: {},
  reason,
  usage: [],
  ...rest,
})

/**
 * The grading that a template which cannot be filled in comes to. The model's output is not what was asked for: that is
 * an answer, worth 0. The grader or the item is not: then nothing can be said of the model.
 */
export function unfilled(rendered: Rendered & { readonly ok: false }, subject: Subject): Graded {
  const { reason, missing } = rendered
  if (rendered.why === 'too_long') return unscored({ truncated_observation_error: true }, reason)
  if (rendered.why === 'malformed') return unscored({ invalid_variable_error: true }, reason)
  const ours = missing.filter((one) => !isOfTheModel(one, subject))
  if (ours.length > 0) return unscored({ invalid_variable_error: true }, reason)
  return scored(0, reason, { errors: graderErrors({ sample_parse_error: true }) })
}

/** What a sample has not, where trainers send the field: they always send a text, and JSON is read from it. */
function isOfTheModel({ path }: Missing, { sample }: Subject): boolean {
  if (path.namespace !== 'sample' || typeof sample !== 'object' || sample === null) return false
  const [field] = path.steps
  return field === 'output_json' || field === 'output_text' || (stepInto(sample, field) ?? null) !== null
}
