import type { TransactionSql } from 'postgres'
import { budgetCode } from '../calls/call.ts'
import { execute } from '../statement.ts'
import { durationEdges } from './stats.ts'

/** A rollout whose calls are to be counted. */
export interface Countable {
  readonly run: string
  readonly number: number
  /** Up to which call it is counted already. */
  readonly seq: number
  /** Where it is counted: rollouts with the same number are summed together. */
  readonly place: number
  /** Whether it makes no further calls; otherwise its calls are counted up to the first that still runs. */
  readonly ended: boolean
}

/** Calls of one place with the same tool, outcome, code, minute and bucket of duration. */
export interface CallSum {
  readonly place: number
  readonly tool: string
  readonly outcome: 'ok' | 'refused' | 'failed'
  readonly code: string | null
  readonly count: number
  /** Their executions that failed before the latest. */
  readonly repeated: number
  /** The bytes of their outputs. */
  readonly bytes: number
  /** The bucket of {@link durationEdges} in which they are. */
  readonly duration: number
  /** When the first and the last of them finished, in milliseconds since 1970. */
  readonly first: number
  readonly last: number
}

/** The calls of rollouts. */
export interface CountedCalls {
  readonly sums: readonly CallSum[]
  /** The rollouts in which a call was refused because the budget was used up. */
  readonly exhausted: ReadonlySet<number>
  /** Up to which call the rollouts that have not ended are counted now. */
  readonly reached: ReadonlyMap<number, number>
}

/** Sums the calls of rollouts that are not counted yet and do not run. */
export async function countCalls(tx: TransactionSql, rollouts: readonly Countable[]): Promise<CountedCalls> {
  const none = { sums: [], exhausted: new Set<number>(), reached: new Map<number, number>() }
  if (rollouts.length === 0) return none
  interface Found {
    readonly sums: readonly CallSum[]
    readonly rollouts: readonly { readonly number: number; readonly reached: number; readonly exhausted: boolean }[]
  }
  const keys = rollouts.map(({ run, number, seq, place, ended }) => ({ run, number, seq, place, ended }))
  const values = [JSON.stringify(keys), budgetCode, `{${durationEdges.join(',')}}`]
  const [found] = await execute<Found>(tx, { text: countText, values })
  if (found === undefined) return none
  return {
    sums: found.sums,
    exhausted: new Set(found.rollouts.filter(({ exhausted }) => exhausted).map(({ number }) => number)),
    reached: new Map(found.rollouts.map(({ number, reached }) => [number, reached])),
  }
}

// With `offset 0` each rollout's calls are read by the key of the table, however many rollouts are asked for. They are summed
// here because a row for each call costs several times as much to read. A duration is a whole number of milliseconds, so that
// one on an edge, which `width_bucket` counts above the edge, is counted below it.
const countText = `
  with wanted as (
    select * from jsonb_to_recordset($1::text::jsonb) as w(run text, number int8, seq int, place int, ended boolean)
  ),
  running as (select run, rollout, min(seq) as seq from tool_calls where outcome = 'running' group by run, rollout),
  called as materialized (
    select w.number, w.place, w.ended, c.*
    from wanted w left join running r on not w.ended and r.run = w.run and r.rollout = w.number
    cross join lateral (
      select c.seq, c.tool, c.outcome, c.code, c.execution - 1 as repeated, octet_length(c.output) as bytes, c.finished_at as at,
        width_bucket(round(date_part('epoch', c.finished_at - c.started_at) * 1000)::int - 1, $3::text::int[]) as duration
      from tool_calls c
      where c.run = w.run and c.rollout = w.number and c.seq > w.seq and (r.seq is null or c.seq < r.seq) offset 0
    ) c
  ),
  sums as (
    select place, tool, outcome, code, count(*) as count, sum(repeated) as repeated, sum(bytes) as bytes, duration,
      date_part('epoch', min(at)) * 1000 as first, date_part('epoch', max(at)) * 1000 as last
    from called where outcome <> 'running'
    group by place, tool, outcome, code, duration, floor(date_part('epoch', at) / 60)
  ),
  rollouts as (
    select number, max(seq) as reached, coalesce(bool_or(code = $2::text), false) as exhausted
    from called where not ended or code = $2::text group by number
  )
  select (select coalesce(json_agg(sums), '[]') from sums) as sums,
    (select coalesce(json_agg(rollouts), '[]') from rollouts) as rollouts`
