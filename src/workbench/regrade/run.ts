import type { Sql } from 'postgres'
import { settledRollout } from '../../core/calls/settled.ts'
import { type RegradingServices, regradeOne, withoutScore } from '../../core/grading/regrade-one.ts'
import type { Grader } from '../../kit/define-grader.ts'
import { UngradableError } from '../../kit/errors.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { GraderCode, RegradingFilter } from '../../ledger/reports/regrading-filter.ts'
import {
  createRegradingRecorder,
  createSubjectReader,
  type Regraded,
  type RegradingSubject,
  subjectPages,
} from '../../ledger/reports/regrading-subjects.ts'

/** What {@link runRegrading} needs. */
export interface Regrading {
  readonly sql: Sql
  readonly ledger: Pick<Ledger, 'findGrading' | 'findScoreElsewhere' | 'readRollout'>
  readonly grader: Grader
  readonly code: GraderCode
  readonly filter: RegradingFilter
  readonly services: RegradingServices
  /** The number of rollouts that are held and graded at the same time. */
  readonly concurrency: number
  /** The number of ids that are read at a time. */
  readonly pageSize: number
  /** Aborts when no further rollout may start. */
  readonly ending: AbortSignal
  /** Called for each subject when its grading is recorded. */
  onRegraded(regraded: Regraded): void
}

const mostUnwritten = 256

/**
 * Re-grades the recorded rollouts that have no score of today's code, `concurrency` at the same time, and records each. The
 * content of a rollout is held only while it is graded.
 *
 * Ends when all are done or `ending` aborts. Rejects with an error of the database; what was recorded before remains.
 */
export async function runRegrading(regrading: Regrading): Promise<void> {
  const { sql, ledger, grader, code, filter, services, ending } = regrading
  const readSubject = createSubjectReader(sql, code)
  const record = createRegradingRecorder(sql, code)
  // Running calls are not waited for: their rollout is ungradable today.
  const settling = { ledger, isBusy: () => false, waitSeconds: 0 }

  const regrade = async (subject: RegradingSubject): Promise<Regraded | undefined> => {
    const content = await readSubject(subject)
    if (content === undefined || content.isDone) return undefined
    const began = performance.now()
    try {
      const rollout = await settledRollout(settling, subject)
      return await regradeOne(grader, services, { subject, content, rollout })
    } catch (error) {
      if (!(error instanceof UngradableError)) throw error
      return { subject, ...withoutScore(error, grader, []), durationMs: performance.now() - began }
    }
  }

  const subjects = subjectsOf(subjectPages(sql, code, filter, regrading.pageSize))
  const faults: unknown[] = []
  const writing = new Set<Promise<void>>()
  const write = (regraded: Regraded): void => {
    const written = record(regraded)
      .then(() => regrading.onRegraded(regraded))
      .catch((error: unknown) => void faults.push(error))
      .finally(() => writing.delete(written))
    writing.add(written)
  }
  const work = async (): Promise<void> => {
    while (faults.length === 0 && !ending.aborted) {
      const { value: subject, done } = await subjects.next()
      if (done) return
      const regraded = await regrade(subject)
      if (regraded === undefined) continue
      // Not awaited, so that more are written together; the backlog is limited to a batch or two.
      while (writing.size >= mostUnwritten) await Promise.race(writing)
      write(regraded)
    }
  }
  const workers = Array.from({ length: regrading.concurrency }, () =>
    work().catch((error: unknown) => void faults.push(error)),
  )
  // No worker runs on when this ends, not even after an error.
  await Promise.all(workers)
  await Promise.all(writing)
  if (faults.length > 0 && !services.stopping.aborted) throw faults[0]
}

/** The subjects one at a time, for several workers. */
async function* subjectsOf(pages: AsyncIterable<readonly RegradingSubject[]>): AsyncGenerator<RegradingSubject> {
  for await (const page of pages) yield* page.filter(({ isDone }) => !isDone)
}
