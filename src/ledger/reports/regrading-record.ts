import type { Sql } from 'postgres'
import { storableText } from '../../base/json.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import { retried } from '../retried.ts'
import { execute } from '../statement.ts'
import type { GraderCode } from './regrading-filter.ts'

/** A grading that was made again. */
export interface Regraded {
  /** The id of the trainer's first grading of the sample. */
  readonly subject: number
  readonly outcome: 'scored' | 'ungradable' | 'failed'
  /** The score; null unless scored. */
  readonly score: number | null
  readonly parts: Readonly<Record<string, number>> | null
  /** Why, for a person. */
  readonly reason: string | null
  /** A stable code; null when scored. */
  readonly code: string | null
  readonly durationMs: number
}

// A rollout that retention deletes meanwhile is locked first, or gone: nothing is left behind of it.
const writing = `
  with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as i(
      subject bigint, outcome text, score float8, parts jsonb, reason text, code text, duration_ms float8)
  ),
  subjects as materialized (
    select s.id, s.rollout_id, s.sample_hash, s.sample, s.item_hash from grades s join rollouts r on r.id = s.rollout_id
    where s.id in (select subject from input) order by s.rollout_id, s.sample_hash for key share of r
  )
  insert into grades (rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score,
    parts, reason, code, duration_ms)
  select s.rollout_id, $2::text, $3::text, $4::text, 'regrade', s.sample_hash, s.sample, s.item_hash, i.outcome, i.score,
    i.parts, i.reason, i.code, i.duration_ms
  from subjects s join input i on i.subject = s.id order by s.rollout_id, s.sample_hash
  on conflict do nothing`

/**
 * Gives the function that records a grading made again, those that arrive together in one statement; with a score of the
 * same code there already, nothing. No other row is touched.
 */
export function createRegradingRecorder(sql: Sql, { grader, version, codeHash }: GraderCode) {
  const run = async (regraded: readonly Regraded[]): Promise<readonly true[]> => {
    const values = [`[${regraded.map(textOf).join(',')}]`, grader, version, codeHash]
    await retried(() => execute(sql, { text: writing, values }))
    return regraded.map(() => true)
  }
  return createBatcher<Regraded, true>({
    run,
    maxEntries: 200,
    maxBytes: 8 * 1024 * 1024,
    sizeOf: (one) => textOf(one).length,
    isNobodysFault: isUnavailable,
  })
}

const textOf = ({ subject, outcome, score, parts, reason, code, durationMs }: Regraded): string =>
  storableText({ subject, outcome, score, parts, reason, code, duration_ms: durationMs })
