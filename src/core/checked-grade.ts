import { storable } from '../base/json.ts'
import type { Grade, Grader } from '../kit/define-grader.ts'
import { RequestError } from '../kit/errors.ts'

/** A score just outside the range is the arithmetic's fault, not the grader's. */
const tolerance = 1e-9

/**
 * A grade as it counts: within the grader's range, which it may leave by the error of an addition, with parts that are
 * numbers. Throws a `RequestError`, 500, for any other, so that the rollout is discarded.
 */
export function checkedGrade(grade: Grade, { name, range: [least, greatest] }: Grader) {
  const { score, parts = {}, reason } = grade
  if (!Number.isFinite(score)) {
    throw new RequestError(
      500,
      'grader_gave_no_number',
      `the grader "${name}" gave ${typeof score === 'number' ? String(score) : typeof score}, which is no score`,
    )
  }
  if (score < least - tolerance || score > greatest + tolerance) {
    const message = `the grader "${name}" gave ${score}, outside its range [${least}, ${greatest}]`
    throw new RequestError(500, 'grader_out_of_range', message)
  }
  const odd = Object.entries(parts).find(([, part]) => !Number.isFinite(part))
  if (odd !== undefined) {
    const message = `the grader "${name}" gave ${String(odd[1])} for its part "${odd[0]}", which is no number`
    throw new RequestError(500, 'grader_gave_no_number', message)
  }
  const within = Math.min(greatest, Math.max(least, score))
  return { score: within, parts, reason: reason === undefined ? null : storable(reason) }
}
