import type { Sql, TransactionSql } from 'postgres'
import { type GraderCode, type RegradingFilter, subjectsQuery } from './regrading-filter.ts'

/**
 * Puts what was graded again beside what it was before into the table `compared`, which is there until the transaction
 * ends, and hands that transaction on. All of it is as one moment saw it, and none of it is held by this process. A row a
 * subject: the columns of {@link subjectsQuery} without their `before_` score and `after_` score being anything but
 * `before` and `after`.
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
      create temp table compared (id bigint, rollout_id text, sample_hash text, item_hash text, before_id bigint,
        before_outcome text, before float8, after_id bigint, after_outcome text, after float8) on commit drop`
    await tx.unsafe(`insert into compared ${text}`, [...values])
    await tx`analyze compared`
    return { value: await work(tx) }
  })
  return result.value
}
