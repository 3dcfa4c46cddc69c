import { withDeadline } from '../../base/deadline.ts'
import { loggable } from '../../base/log.ts'
import { shorten } from '../../base/text.ts'
import type { Grader, Sample } from '../../kit/define-grader.ts'
import type { Db, Embed } from '../../kit/environment.ts'
import { RequestError, UngradableError } from '../../kit/errors.ts'
import type { Judge } from '../../kit/judge.ts'
import type { Regraded, RegradingSubject, SubjectContent } from '../../ledger/reports/regrading-subjects.ts'
import type { RecordedRollout } from '../../ledger/rollout.ts'
import { failureOf } from '../failure.ts'
import { checkedGrade } from './checked-grade.ts'

/** What re-grading needs besides what was recorded. */
export interface RegradingServices {
  readonly db: Db
  /** The database of a subject's rollout. Throws an `UngradableError` if rows of it are deleted; by default {@link db}. */
  readonly dbOf?: ((subject: RegradingSubject) => Promise<Db>) | undefined
  readonly embed: Embed | undefined
  readonly judge: Judge
  /** The timeout of a grader that sets none, in seconds. */
  readonly graderSeconds: number
  /** Aborts when running graders must be abandoned. */
  readonly stopping: AbortSignal
}

/** A subject with everything that was recorded of it. */
export interface ReadSubject {
  readonly subject: RegradingSubject
  readonly content: SubjectContent
  readonly rollout: RecordedRollout
}

/**
 * Grades what was recorded by today's code, as a grading of a trainer does: the outcome is `ungradable` if it cannot be graded,
 * and `failed` if the grader throws, times out or returns no number; neither has a score. Rejects only with the reason of
 * `stopping`.
 */
export async function regradeOne(
  grader: Grader,
  services: RegradingServices,
  { subject, content, rollout }: ReadSubject,
): Promise<Regraded> {
  const { stopping } = services
  const began = performance.now()
  const end = (ending: Pick<Regraded, 'outcome' | 'score' | 'parts' | 'reason' | 'code'>): Regraded => ({
    subject,
    ...ending,
    durationMs: performance.now() - began,
  })
  try {
    const sample = sampleOf(content.sample)
    const opened = grader.open(content.item)
    if (!opened.fits) {
      throw new RequestError(422, 'item_misfit', `the item does not fit the environment: ${opened.message}`)
    }
    const db = (await services.dbOf?.(subject)) ?? services.db
    const seconds = grader.timeoutSeconds ?? services.graderSeconds
    const late = () => new RequestError(504, 'grader_timed_out', `the grader took longer than ${seconds} s`)
    const grade = await withDeadline({ seconds, late, parents: [stopping] }, (signal) =>
      opened.run({
        run: subject.run,
        rolloutId: subject.rolloutId,
        sample,
        trajectory: rollout.trajectory,
        stored: rollout.state,
        db,
        embed: services.embed,
        judge: (question) => services.judge(question, signal),
        signal,
      }),
    )
    // The rollout may have ended meanwhile, and with it the rows that the grader read.
    await services.dbOf?.(subject)
    return end({ outcome: 'scored', ...checkedGrade(grade, grader), code: null })
  } catch (error) {
    // An abandoned grading says nothing about the grader.
    if (stopping.aborted) throw stopping.reason
    return end(withoutScore(error, grader, [content, rollout]))
  }
}

/** The result of a grading without a score; its reason has what the grader threw, without what it graded. */
export function withoutScore(error: unknown, { name }: Pick<Grader, 'name'>, content: unknown) {
  const failure = failureOf(error, {}, { code: 'grader_failed', message: `the grader "${name}" failed` }, content)
  const { type, message } = loggable(failure.cause)
  const why = failure.cause === undefined ? '' : `: ${type}: ${shorten(message, 500)}`
  const outcome = error instanceof UngradableError ? ('ungradable' as const) : ('failed' as const)
  return { outcome, score: null, parts: null, reason: `${failure.message}${why}`, code: failure.code }
}

function sampleOf(recorded: unknown): Sample {
  if (typeof recorded === 'object' && recorded !== null && 'output_text' in recorded) {
    const { output_text } = recorded
    if (typeof output_text === 'string') return { ...recorded, output_text }
  }
  throw new RequestError(422, 'sample_misfit', 'the recorded sample has no output_text')
}
