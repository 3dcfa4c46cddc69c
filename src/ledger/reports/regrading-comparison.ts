import type { Sql, TransactionSql } from 'postgres'
import { type GraderCode, type RegradingFilter, subjectsQuery } from './regrading-filter.ts'

/**
 * Joins the re-gradings with the earlier gradings in the temporary table `compared`, from one snapshot, and calls `work`
 * with the transaction in which the table exists. One row per subject, with the columns of {@link subjectsQuery};
 * `before_score` and `after_score` are called `before` and `after`.
 */
export async function withComparison<Result>(
  sql: Sql,
  code: GraderCode,
  filter: RegradingFilter,
  work: (tx: TransactionSql) => Promise<Result>,
): Promise<Result> {
  const { text, values } = subjectsQuery(code, filter)
  const result = await sql.begin(async (tx) => {
    await tx`
      create temp table compared (id bigint, run text, rollout bigint, rollout_id text, attempt int, sample_hash text, item_hash text, before_id bigint,
        before_outcome text, before float8, after_id bigint, after_outcome text, after float8) on commit drop`
    await tx.unsafe(`insert into compared ${text}`, [...values])
    await tx`analyze compared`
    return { value: await work(tx) }
  })
  return result.value
}

/** How the score of one rollout changed: a row for spreadsheets. */
export interface ComparedRow {
  readonly run: string
  readonly rollout_id: string
  readonly attempt: number
  readonly sample_hash: string
  readonly item_hash: string
  readonly before: number | null
  readonly before_outcome: string | null
  readonly before_source: string | null
  readonly before_version: string | null
  readonly after: number | null
  readonly after_outcome: string | null
  readonly after_code: string | null
  readonly change: number | null
  readonly before_parts: unknown
  readonly after_parts: unknown
  readonly before_reason: string | null
  readonly after_reason: string | null
}

/** Reads the rows of `compared` with their reasons, `size` at a time, in the transaction of `withComparison`. */
export function comparedRows(tx: TransactionSql, size: number): AsyncIterable<readonly ComparedRow[]> {
  return tx<ComparedRow[]>`
    select c.run, c.rollout_id, c.attempt, c.sample_hash, c.item_hash, c.before, c.before_outcome, b.source as before_source,
      b.version as before_version, c.after, c.after_outcome, a.code as after_code, c.after - c.before as change,
      b.parts as before_parts, a.parts as after_parts, b.reason as before_reason, a.reason as after_reason
    from compared c left join grades b on b.run = c.run and b.id = c.before_id
      left join grades a on a.run = c.run and a.id = c.after_id
    order by c.id`.cursor(size)
}
