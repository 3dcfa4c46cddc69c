import type { Sql } from 'postgres'
import { execute } from '../statement.ts'
import type { ExportedCall, ExportedGrading } from './exported.ts'
import { timestampText } from './exported-subjects.ts'

/** Where an attempt is: its run, the trainer's id, and which use of the id it is. */
export interface AttemptPlace {
  readonly run: string
  readonly rollout: string
  readonly attempt: number
  /** Its own key, unique across all runs. */
  readonly number: number
}

/** A recorded error: a type, a message, and the errors that caused it. */
export interface ReportedCause {
  readonly type?: string
  readonly message?: string
  readonly code?: string
  readonly stack?: string
  readonly cause?: ReportedCause
}

/** A call with all that is recorded of it. */
export interface ReportedCall extends ExportedCall {
  /** 2 or more for a call that reuses the id of another one with another tool or other arguments. */
  readonly nth: number
  /** Why it failed; null for the others. */
  readonly cause: ReportedCause | null
  /** The state before and after a call that changed it; null for the others. */
  readonly state_before: unknown
  readonly state_after: unknown
}

/** A grading with the sample that it graded. */
export interface ReportedGrading extends ExportedGrading {
  readonly sample: unknown
}

/** All that is recorded of an attempt. Timestamps are ISO 8601 in UTC. */
export interface RolloutReport extends AttemptPlace {
  /** How many attempts the rollout has. */
  readonly attempts: number
  /** The protocol and the name of the key by which it began; null if unknown. */
  readonly wire: string | null
  readonly key: string | null
  readonly created_at: string
  readonly graded_at: string | null
  readonly due_at: string
  readonly ended_at: string | null
  readonly outcome: 'graded' | 'abandoned' | 'closed' | null
  readonly released_at: string | null
  readonly item_hash: string
  /** The dataset row; null for a rollout without one. */
  readonly item: unknown
  readonly state: unknown
  readonly calls: readonly ReportedCall[]
  readonly gradings: readonly ReportedGrading[]
  /** How many calls and gradings were answered from the ledger. */
  readonly replays: { readonly calls: number; readonly gradings: number }
}

// By the index of each run: without a run, the id alone would read every rollout.
const latest = `
  select n.name as run, r.id as rollout, r.attempt, r.number::float8 as number
  from runs n cross join lateral (
    select id, attempt, number from rollouts
    where run = n.name and id = $1::text and ($2::text is null or attempt = $2::text::int)
    order by attempt desc limit 1
  ) r
  where $3::text is null or n.name = $3::text
  order by r.number desc`

/** Finds a rollout in all runs, or in one: in each run the attempt asked for, by default the latest. */
export async function findAttempts(
  sql: Sql,
  {
    rollout,
    attempt,
    run,
  }: { readonly rollout: string; readonly attempt?: number | undefined; readonly run?: string | undefined },
): Promise<readonly AttemptPlace[]> {
  const values = [rollout, attempt?.toString() ?? null, run ?? null]
  return await execute<AttemptPlace>(sql, { text: latest, values })
}

const newest = `
  select run, id as rollout, attempt, number::float8 as number from rollouts
  where $1::text is null or run = $1::text
  order by created_at desc, number desc limit 1`

/** The attempt that began last, in all runs or in one; undefined if none is recorded. */
export async function findNewestAttempt(sql: Sql, run: string | undefined): Promise<AttemptPlace | undefined> {
  const [found] = await execute<AttemptPlace>(sql, { text: newest, values: [run ?? null] })
  return found
}

const whole = `
  select r.run, r.id as rollout, r.attempt, r.number::float8 as number,
    (select max(attempt) from rollouts a where a.run = r.run and a.id = r.id) as attempts,
    r.wire, r.key_name as key, ${timestampText('r.created_at')} as created_at, ${timestampText('r.graded_at')} as graded_at,
    ${timestampText('r.due_at')} as due_at, ${timestampText('r.ended_at')} as ended_at, r.outcome,
    ${timestampText('r.released_at')} as released_at, r.item_hash, i.content as item, r.state,
    coalesce((
      select jsonb_agg(jsonb_build_object('seq', c.seq, 'call_id', c.call_id, 'nth', c.nth, 'tool', c.tool,
        'arguments', c.arguments, 'output', c.output, 'outcome', c.outcome, 'code', c.code, 'cause', c.cause,
        'execution', c.execution, 'started_at', ${timestampText('c.started_at')},
        'finished_at', ${timestampText('c.finished_at')}, 'state_before', c.state_before, 'state_after', c.state_after)
        order by c.seq)
      from tool_calls c where c.run = r.run and c.rollout = r.number
    ), '[]') as calls,
    coalesce((
      select jsonb_agg(jsonb_build_object('id', g.id, 'grader', g.grader, 'version', g.version, 'code_hash', g.code_hash,
        'source', g.source, 'sample_hash', g.sample_hash, 'sample', g.sample, 'outcome', g.outcome, 'score', g.score,
        'parts', g.parts, 'reason', g.reason, 'code', g.code, 'duration_ms', g.duration_ms,
        'created_at', ${timestampText('g.created_at')}) order by g.id)
      from grades g where g.run = r.run and g.rollout = r.number
    ), '[]') as gradings,
    jsonb_build_object('calls', coalesce(p.calls, 0), 'gradings', coalesce(p.gradings, 0)) as replays
  from rollouts r
    left join items i on i.run = r.run and i.hash = r.item_hash
    left join replays p on p.run = r.run and p.rollout = r.number
  where r.run = $1::text and r.number = $2::text::int8`

/** Reads all that is recorded of an attempt, from one snapshot; undefined if it has been deleted. */
export async function readRolloutReport(
  sql: Sql,
  { run, number }: Pick<AttemptPlace, 'run' | 'number'>,
): Promise<RolloutReport | undefined> {
  const [report] = await execute<RolloutReport>(sql, { text: whole, values: [run, String(number)] })
  return report
}
