import type { Sql } from 'postgres'
import { type Condition, conditionText } from './condition.ts'

/** What became of a rollout: of its grading, or `open` where none was asked for yet. */
export type ExportedOutcome = 'scored' | 'ungradable' | 'failed' | 'open'

/** Which recorded rollouts are exported. */
export interface ExportFilter {
  /** Those first graded with one of the outcomes at this moment or later; where open ones are wanted, those first called. */
  readonly since?: Date | undefined
  /** Those before this moment. */
  readonly until?: Date | undefined
  /** The first digits of their item's hash. */
  readonly item?: string | undefined
  /** Whose score counts; any grader's where it is left out. */
  readonly grader?: string | undefined
  readonly minScore?: number | undefined
  readonly maxScore?: number | undefined
  readonly outcomes: readonly ExportedOutcome[]
  /** All of these hold, of the grading that counts. */
  readonly conditions?: readonly Condition[]
  /** Of each item so many rollouts with the greatest scores alone, the earlier ones of equal ones. */
  readonly bestOf?: number | undefined
  readonly limit?: number | undefined
}

/** A place between two rollouts: behind the one that has this moment, as text with its microseconds, and this id. */
export interface ExportCursor {
  readonly at: string
  readonly rollout: string
}

/** A rollout that is exported, by what is asked of it. */
export interface Subject {
  readonly rollout: string
  readonly at: string
  readonly sample_hash: string | null
  readonly outcome: ExportedOutcome
  readonly score: number | null
}

/** The name by which an export is known to another one: it writes nothing that could come late. */
export const exporter = 'scorekeeper export'

/**
 * The moment before which no rollout is recorded any more, for a snapshot that is taken afterwards. Moments are those at which
 * transactions began, cut to the millisecond.
 */
export async function readHorizon(sql: Sql): Promise<string> {
  const [row] = await sql<{ horizon: string }[]>`
    select to_char((least(statement_timestamp(), min(xact_start)) - interval '10 milliseconds') at time zone 'UTC',
      'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as horizon
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name <> ${exporter}
      and backend_type = 'client backend'`
  if (row === undefined) throw new Error('the database does not say what time it has')
  return row.horizon
}

/** The select of the rollouts that are exported, in the order of their moments: a {@link Subject} a row. */
export function subjectsText(
  { since, until, item, grader, minScore, maxScore, outcomes, conditions = [], bestOf, limit }: ExportFilter,
  horizon: string,
  after: ExportCursor | undefined,
): { readonly text: string; readonly values: readonly string[] } {
  const values: string[] = []
  const given = (value: string | number) => `$${values.push(String(value))}::text`
  const byGrader = grader === undefined ? '' : `and g.grader = ${given(grader)}`
  // A rollout's place is that from which on it is one of these: what is scored later than it failed is not behind the cursor then.
  const wanted = `and g.outcome in (${outcomes.map(given).join(', ')})`
  const place = outcomes.includes('open') ? 'r.created_at' : 'coalesce(f.created_at, r.created_at)'
  const asked = conditions.map((one) => conditionText(one, given, { grading: 'g', rollout: 'r.id' }))
  const holds = [
    `at < ${given(horizon)}::timestamptz`,
    `outcome in (${outcomes.map(given).join(', ')})`,
    ...(since ? [`at >= ${given(since.toISOString())}::timestamptz`] : []),
    ...(until ? [`at < ${given(until.toISOString())}::timestamptz`] : []),
    ...(item === undefined ? [] : [`starts_with(item_hash, ${given(item)})`]),
    ...(minScore === undefined ? [] : [`score >= ${given(minScore)}::float8`]),
    ...(maxScore === undefined ? [] : [`score <= ${given(maxScore)}::float8`]),
  ]
  const ranked =
    bestOf === undefined
      ? ''
      : `, row_number() over (partition by item_hash order by score desc nulls last, at, rollout) as rank`
  const kept = [
    ...(bestOf === undefined ? [] : [`rank <= ${given(bestOf)}::bigint`]),
    ...(after === undefined ? [] : [`(at, rollout) > (${given(after.at)}::timestamptz, ${given(after.rollout)})`]),
  ]
  const text = `
    select rollout, ${momentText('at')} as at, sample_hash, outcome, score from (
      select *${ranked} from (
        select r.id as rollout, r.item_hash, ${place} as at, g.sample_hash,
          coalesce(g.outcome, 'open') as outcome, g.score
        from rollouts r
        left join lateral (
          select g.created_at from grades g where g.rollout_id = r.id and g.source = 'trainer' ${byGrader} ${wanted}
          order by g.created_at, g.id limit 1
        ) f on true
        left join lateral (
          select g.* from grades g
          where g.rollout_id = r.id and g.source = 'trainer' ${byGrader}
          order by g.outcome = 'scored' desc, g.id desc limit 1
        ) g on true
        ${asked.length === 0 ? '' : `where ${asked.join(' and ')}`}
      ) each_rollout
      where ${holds.join(' and ')}
    ) those
    ${kept.length === 0 ? '' : `where ${kept.join(' and ')}`}
    order by those.at, rollout${limit === undefined ? '' : ` limit ${given(limit)}::bigint`}`
  return { text, values }
}

/** SQL that writes a moment as ISO 8601 in UTC, to the millisecond, as all moments of the ledger are kept. */
export const momentText = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
