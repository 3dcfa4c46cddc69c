import type { Sql } from 'postgres'
import { type Condition, conditionText } from './condition.ts'

/** The outcome of a rollout's grading, or `open` if none was requested yet. */
export type ExportedOutcome = 'scored' | 'ungradable' | 'failed' | 'open'

/** Selects the rollouts to export. */
export interface ExportFilter {
  /** The run; by default all. */
  readonly run?: string | undefined
  /** One rollout, by its id, with all its attempts. */
  readonly rollout?: string | undefined
  /** Rollouts first graded with one of the outcomes at this time or later; with `open`, those that began then. */
  readonly since?: Date | undefined
  /** Rollouts before this time. */
  readonly until?: Date | undefined
  /** The first digits of their item's hash. */
  readonly item?: string | undefined
  /** The grader whose score counts; default: any. */
  readonly grader?: string | undefined
  readonly minScore?: number | undefined
  readonly maxScore?: number | undefined
  readonly outcomes: readonly ExportedOutcome[]
  /** All of these hold for the grading that counts. */
  readonly conditions?: readonly Condition[]
  /** How many rollouts of each item: those with the highest scores, earlier ones first. */
  readonly bestOf?: number | undefined
  readonly limit?: number | undefined
}

/** A position between two attempts: after the one with this timestamp, in text, this rollout id and this number. */
export interface ExportCursor {
  readonly at: string
  readonly rollout: string
  readonly number: number
}

/** An attempt to export. */
export interface Subject {
  readonly run: string
  readonly rollout: string
  readonly number: number
  readonly at: string
  readonly sample_hash: string | null
  readonly outcome: ExportedOutcome
  readonly score: number | null
}

/** The application name of an export; other exports ignore its transaction, because it records no rollouts. */
export const exporter = 'scorekeeper export'

/**
 * The timestamp before which no rollout is recorded any more, for a snapshot that is taken afterwards. Timestamps in the
 * ledger are those at which transactions began, truncated to milliseconds.
 *
 * @throws Error that says what to do if the role of `sql` cannot see when other transactions began: rollouts could then
 * still be recorded before the timestamp, and the next export would miss them.
 */
export async function readHorizon(sql: Sql): Promise<string> {
  const [row] = await sql<{ horizon: string; role: string; hidden: string[] | null; is_off: boolean | null }[]>`
    select to_char((least(statement_timestamp(), min(xact_start)) - interval '10 milliseconds') at time zone 'UTC',
      'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as horizon, current_user::text as role,
      array_agg(distinct usename::text) filter (
        where not pg_has_role(usesysid, 'usage') and not pg_has_role('pg_read_all_stats', 'usage')) as hidden,
      bool_or(state = 'disabled') as is_off
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null
      and application_name <> ${exporter} and coalesce(backend_type, '') <> 'walsender'
      and has_table_privilege(usesysid, 'grades', 'insert')`
  if (row === undefined) throw new Error('the database returned no timestamp')
  const { horizon, role, hidden, is_off } = row
  if (hidden !== null) {
    const others = hidden.map((name) => `"${name}"`).join(', ')
    throw new Error(
      `the role "${role}" cannot see the transactions of ${others}, so the export could miss rollouts that are being ` +
        `recorded: grant pg_read_all_stats to "${role}", or export as ${others}`,
    )
  }
  if (is_off === true) {
    throw new Error(
      'the database does not track transactions (track_activities is off), so the export could miss rollouts that are ' +
        'being recorded: set track_activities = on',
    )
  }
  return horizon
}

/** Selects the rollouts to export, in the order of their timestamps; each row is a {@link Subject}. */
export function subjectsText(
  {
    run,
    rollout,
    since,
    until,
    item,
    grader,
    minScore,
    maxScore,
    outcomes,
    conditions = [],
    bestOf,
    limit,
  }: ExportFilter,
  horizon: string,
  after: ExportCursor | undefined,
): { readonly text: string; readonly values: readonly string[] } {
  const values: string[] = []
  const given = (value: string | number) => `$${values.push(String(value))}::text`
  const byGrader = grader === undefined ? '' : `and g.grader = ${given(grader)}`
  // A rollout's timestamp is that of its first wanted outcome: a rollout scored after it failed must not be before a cursor.
  const wanted = `and g.outcome in (${outcomes.map(given).join(', ')})`
  const isByStart = outcomes.includes('open')
  const place = isByStart ? 'r.created_at' : 'coalesce(f.created_at, r.created_at)'
  // Nothing before this is exported; only the ranks of --best-of need the rollouts before the cursor too.
  const bounds = [since?.toISOString(), bestOf === undefined ? after?.at : undefined].filter((at) => at !== undefined)
  // By an index, so that an incremental export does not read the whole table.
  const recent = bounds.map((at) => {
    const from = `>= ${given(at)}::timestamptz`
    if (isByStart) return `r.created_at ${from}`
    return `(r.run, r.number) in (
          select g.run, g.rollout from grades g
          where g.source = 'trainer' ${byGrader} ${wanted} and g.created_at ${from}
            and g.created_at < ${given(horizon)}::timestamptz)`
  })
  const asked = [
    ...(run === undefined ? [] : [`r.run = ${given(run)}`]),
    ...(rollout === undefined ? [] : [`r.id = ${given(rollout)}`]),
    ...recent,
    ...conditions.map((one) => conditionText(one, given, { grading: 'g', run: 'r.run', rollout: 'r.number' })),
  ]
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
      : `, row_number() over (partition by item_hash order by score desc nulls last, at, rollout, number) as rank`
  const kept = [
    ...(bestOf === undefined ? [] : [`rank <= ${given(bestOf)}::bigint`]),
    ...(after === undefined
      ? []
      : [
          `(at, rollout, number) > (${given(after.at)}::timestamptz, ${given(after.rollout)}, ${given(after.number)}::int8)`,
        ]),
  ]
  const text = `
    select run, rollout, number::float8 as number, ${timestampText('at')} as at, sample_hash, outcome, score from (
      select *${ranked} from (
        select r.run, r.id as rollout, r.number, r.item_hash, ${place} as at, g.sample_hash,
          coalesce(g.outcome, 'open') as outcome, g.score
        from rollouts r
        left join lateral (
          select g.created_at from grades g where g.run = r.run and g.rollout = r.number and g.source = 'trainer' ${byGrader} ${wanted}
          order by g.created_at, g.id limit 1
        ) f on true
        left join lateral (
          select g.* from grades g
          where g.run = r.run and g.rollout = r.number and g.source = 'trainer' ${byGrader}
          order by g.outcome = 'scored' desc, g.id desc limit 1
        ) g on true
        ${asked.length === 0 ? '' : `where ${asked.join(' and ')}`}
      ) each_rollout
      where ${holds.join(' and ')}
    ) those
    ${kept.length === 0 ? '' : `where ${kept.join(' and ')}`}
    order by those.at, rollout, number${limit === undefined ? '' : ` limit ${given(limit)}::bigint`}`
  return { text, values }
}

/** SQL that formats a timestamp as ISO 8601 in UTC, with the milliseconds that the ledger keeps. */
export function timestampText(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

/** SQL that gives a timestamp as milliseconds since 1970. */
export function epochMsText(column: string): string {
  return `(extract(epoch from ${column}) * 1000)::float8`
}
