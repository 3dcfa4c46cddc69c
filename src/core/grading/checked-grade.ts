import { storable } from '../../base/text.ts'
import type { Grade, Grader } from '../../kit/define-grader.ts'
import { RequestError } from '../../kit/errors.ts'

/** A score that is this close to the range is inside, apart from a rounding error. */
const tolerance = 1e-9

/**
 * A valid grade: a score within the grader's range, apart from rounding errors, and parts that are numbers. Throws a
 * `RequestError`, 500, for any other, so that the trainer discards the rollout.
 */
export function checkedGrade(grade: Grade, { name, range: [least, greatest] }: Grader) {
  const { score, parts = {}, reason } = grade
  if (!Number.isFinite(score)) {
    throw new RequestError(
      500,
      'grader_gave_no_number',
      `the grader "${name}" gave ${typeof score === 'number' ? String(score) : typeof score}, which is not a score`,
    )
  }
  if (score < least - tolerance || score > greatest + tolerance) {
    const message = `the grader "${name}" gave ${score}, outside its range [${least}, ${greatest}]`
    throw new RequestError(500, 'grader_out_of_range', message)
  }
  const odd = Object.entries(parts).find(([, part]) => !Number.isFinite(part))
  if (odd !== undefined) {
    const message = `the grader "${name}" gave ${String(odd[1])} for its part "${odd[0]}", which is not a number`
    throw new RequestError(500, 'grader_gave_no_number', message)
  }
  const within = Math.min(greatest, Math.max(least, score))
  return { score: within, parts, reason: reason === undefined ? null : storable(reason) }
}
