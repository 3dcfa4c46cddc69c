import type { Sql } from 'postgres'
import { regradeOne } from '../core/grading/regrade-one.ts'
import type { GradeAgain, GradedNow } from '../dashboard/dashboard.tsx'
import type { Grader } from '../kit/define-grader.ts'
import type { Db, Embed } from '../kit/environment.ts'
import { RequestError, UngradableError } from '../kit/errors.ts'
import type { Judge } from '../kit/judge.ts'
import { readRolloutReport } from '../ledger/reports/rollout-report.ts'
import { createRolloutReader } from '../ledger/rollout.ts'
import { isReleased } from '../ledger/rollout-rows.ts'
import type { RolloutTable } from '../postgres/roles.ts'
import { createRowScope } from '../postgres/scoped-db.ts'

/** What {@link createGradeAgain} needs. */
export interface GradeAgainSettings {
  readonly sql: Sql
  readonly db: Db
  readonly rolloutTables: readonly RolloutTable[]
  readonly graders: readonly Grader[]
  readonly embed: Embed | undefined
  readonly judge: Judge
  readonly graderSeconds: number
}

/**
 * Makes the function that grades what is recorded of a rollout by the code that runs now, for a person to look at. Nothing is
 * recorded.
 */
export function createGradeAgain(settings: GradeAgainSettings): (rollout: GradeAgain) => Promise<GradedNow> {
  const { sql, db, rolloutTables, graders, embed, judge, graderSeconds } = settings
  const readRollout = createRolloutReader(sql)
  const rows = createRowScope(db, rolloutTables)
  const areDeleted = rolloutTables.some(({ keep }) => keep === 'end')
  const dbOf = async ({ run, number }: GradeAgain): Promise<Db> => {
    if (rows === undefined) return db
    if (!areDeleted || !(await isReleased(sql, run, number))) return rows.of(number)
    throw new UngradableError(500, 'rollout_rows_deleted', 'the rollout has ended and its rows are deleted')
  }
  return async ({ run, number }) => {
    const report = await readRolloutReport(sql, { run, number })
    const recorded = report?.gradings.findLast(({ source }) => source === 'trainer')
    if (report === undefined || recorded === undefined) {
      throw new RequestError(404, 'not_found', 'the rollout is not graded, or was deleted')
    }
    const grader = graders.find(({ name }) => name === recorded.grader)
    if (grader === undefined) {
      return { grader: recorded.grader, version: '–', problem: 'this server has no grader of this name in its code' }
    }
    const { name, version } = grader
    const subject = {
      id: recorded.id,
      run,
      rolloutId: report.rollout,
      number,
      sampleHash: recorded.sample_hash,
      isDone: false,
    }
    const content = { sample: recorded.sample, item: report.item, isDone: false }
    const services = { db, dbOf, embed, judge, graderSeconds, stopping: new AbortController().signal }
    const rollout = await readRollout({ run, number })
    const { score, parts, reason } = await regradeOne(grader, services, { subject, content, rollout })
    if (score === null) return { grader: name, version, problem: reason ?? 'the grader gave no score' }
    return { grader: name, version, score, parts, reason }
  }
}
