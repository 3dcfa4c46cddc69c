import type { Sql, TransactionSql } from 'postgres'
import { execute } from '../statement.ts'

/** The runs that were used since a time in milliseconds. */
export async function readActiveRuns(sql: Sql | TransactionSql, since: number): Promise<readonly string[]> {
  const text = `
    select run from rollup_runs where burst_last_at >= to_timestamp($1::text::float8 / 1000) order by burst_last_at desc limit 200`
  const rows = await execute<{ run: string }>(sql, { text, values: [String(since)] })
  return rows.map(({ run }) => run)
}

/** Runs work in a transaction that only one replica at a time can have; resolves with undefined if another has it. */
export async function alone<Result>(
  sql: Sql,
  work: (tx: TransactionSql) => Promise<Result>,
): Promise<Result | undefined> {
  const { result } = await sql.begin(async (tx) => {
    const [lock] = await execute<{ free: boolean }>(tx, {
      text: 'select pg_try_advisory_xact_lock(7720334) as free',
      values: [],
    })
    return { result: lock?.free === true ? await work(tx) : undefined }
  })
  return result
}

/** How far the scores of anchors today are from those that were recorded. */
export interface AnchorDrift {
  readonly anchors: number
  /** The mean of the absolute differences. */
  readonly difference: number
}

/**
 * Compares the latest re-gradings of a run with the scores that were sent for the same samples: the answers are the same, so
 * a difference comes from the grader or its judge. Undefined if nothing was graded again within a day.
 */
export async function readAnchorDrift(sql: Sql | TransactionSql, run: string): Promise<AnchorDrift | undefined> {
  const text = `
    with again as (
      select distinct on (rollout, grader, sample_hash) rollout, grader, sample_hash, score from grades
      where run = $1::text and source = 'regrade' and outcome = 'scored' and created_at > now() - interval '1 day'
      order by rollout, grader, sample_hash, id desc
    )
    select count(*)::int as anchors, avg(abs(a.score - g.score)) as difference
    from again a join grades g on g.run = $1::text and g.rollout = a.rollout and g.grader = a.grader
      and g.sample_hash = a.sample_hash and g.source = 'trainer' and g.outcome = 'scored'`
  const [row] = await execute<{ anchors: number; difference: number | null }>(sql, { text, values: [run] })
  if (row === undefined || row.difference === null) return undefined
  return { anchors: row.anchors, difference: row.difference }
}
