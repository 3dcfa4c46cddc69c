import type { TransactionSql } from 'postgres'
import { budgetCode } from '../calls/call.ts'
import { execute } from '../statement.ts'
import { durationEdges } from './stats.ts'

/** A graded rollout whose calls are to be counted. */
export interface Countable {
  readonly number: number
  /** Up to which call it is counted already. */
  readonly seq: number
  /** Where it is counted: the index of a run in the list that {@link countCalls} gets. */
  readonly place: number
}

/** Calls of one place with the same tool, outcome, code, minute and bucket of duration. */
export interface CallSum {
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

/** The calls of graded rollouts of one place. */
export interface PlacedCallSum extends CallSum {
  readonly place: number
  /** For calls that were refused because the budget was used up: the number of the rollout of each. */
  readonly exhausted: readonly number[] | null
}

/**
 * Sums the calls of graded rollouts that are not counted yet. A graded rollout makes no further calls that count.
 *
 * @param runs the run of each place
 */
export async function countCalls(
  tx: TransactionSql,
  rollouts: readonly Countable[],
  runs: readonly string[],
): Promise<readonly PlacedCallSum[]> {
  if (rollouts.length === 0) return []
  const column = (name: keyof Countable) => `{${rollouts.map((one) => one[name]).join(',')}}`
  const values = [column('number'), column('seq'), column('place'), JSON.stringify(runs), budgetCode]
  const [found] = await execute<{ sums: readonly PlacedCallSum[] }>(tx, { text: countText, values })
  return found?.sums ?? []
}

/**
 * The calls of each rollout of `w`, which has a run, a number, and the `seq` up to which it is counted: those that do not run,
 * and of which `condition` holds. A duration is a whole number of milliseconds, so that one on an edge, which `width_bucket`
 * counts above the edge, is counted below it.
 */
// With `offset 0` the calls of each rollout are read by the key of the table, however many rollouts there are.
export const callsOf = (condition = 'true'): string => `
  cross join lateral (
    select c.tool, c.outcome, c.code, c.execution - 1 as repeated, octet_length(c.output) as bytes,
      date_part('epoch', c.finished_at) as at, width_bucket(
        round(date_part('epoch', c.finished_at - c.started_at) * 1000)::int - 1, '{${durationEdges.join(',')}}'::int[]
      ) as duration
    from tool_calls c
    where c.run = w.run and c.rollout = w.number and c.seq > w.seq and c.outcome <> 'running' and ${condition} offset 0
  ) c`

/** The columns of a {@link CallSum}, and those by which its calls are grouped. */
export const callSumColumns = `c.tool, c.outcome, c.code, c.duration, count(*) as count, sum(c.repeated) as repeated,
    sum(c.bytes) as bytes, min(c.at) * 1000 as first, max(c.at) * 1000 as last`
export const callSumGroup = 'c.tool, c.outcome, c.code, c.duration, floor(c.at / 60)'

// The calls are summed here because a row for each of them costs several times as much to read.
/** The statement's text. */
export const countText = `
  with runs as (select run, n - 1 as place from jsonb_array_elements_text($4::text::jsonb) with ordinality as r(run, n)),
  sums as (
    select w.place, ${callSumColumns}, array_agg(w.number) filter (where c.code = $5::text) as exhausted
    from (
      select * from unnest($1::text::int8[], $2::text::int[], $3::text::int[]) as u(number, seq, place) join runs using (place)
    ) w ${callsOf()}
    group by w.place, ${callSumGroup}
  )
  select coalesce(json_agg(sums), '[]') as sums from sums`
