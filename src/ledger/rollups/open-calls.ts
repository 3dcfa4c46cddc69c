import type { TransactionSql } from 'postgres'
import { epochMsText as ms } from '../reports/exported-subjects.ts'
import { execute } from '../statement.ts'
import { type CallSum, callSumColumns, callSumGroup, callsOf } from './call-sums.ts'

/** Calls of rollouts that are not graded yet. */
export interface OpenCallSum extends CallSum {
  readonly run: string
  readonly burst: number
  /** Null for rollouts without an item. */
  readonly visit: number | null
  /** When the first of the rollouts began, in milliseconds since 1970. */
  readonly begun: number
}

/** What a page of rollouts consists of: how many there are, when the last began in milliseconds since 1970, their calls. */
export interface OpenCalls {
  readonly count: number
  readonly last: number | null
  readonly sums: readonly OpenCallSum[]
}

/** Which rollouts are counted while they are open. */
export interface OpeningWish {
  /** Timestamps in text: the rollouts began after `after`, and until `upTo`. */
  readonly after: string
  readonly upTo: string
  /** The calls of rollouts that were graded until then are counted already. */
  readonly gradedUpTo: string
  /** How many rollouts are read at most, and the rest of the last millisecond. */
  readonly size: number
  /** How long to wait before a rollout is looked at again, in seconds; later at most as long as its age. */
  readonly openSeconds: number
}

/**
 * Sums the calls of rollouts that are old enough to be counted before they are graded, and remembers up to which call.
 */
export function countOpening(tx: TransactionSql, wish: OpeningWish): Promise<OpenCalls> {
  const { after, upTo, gradedUpTo, size, openSeconds } = wish
  return count(tx, openingText, [String(size), String(openSeconds), after, upTo, gradedUpTo])
}

/**
 * Sums the new calls of open rollouts that are due to be looked at again; those that have ended, or were deleted, are forgotten.
 */
export function countDue(tx: TransactionSql, size: number, openSeconds: number): Promise<OpenCalls> {
  return count(tx, dueText, [String(size), String(openSeconds)])
}

async function count(tx: TransactionSql, text: string, values: readonly string[]): Promise<OpenCalls> {
  const [found] = await execute<OpenCalls>(tx, { text, values })
  return found ?? { count: 0, last: null, sums: [] }
}

/** Forgets rollouts that are graded. */
export async function forgetOpen(
  tx: TransactionSql,
  rows: readonly { readonly run: string; readonly number: number }[],
): Promise<void> {
  if (rows.length === 0) return
  const text = `
    delete from rollup_open o using jsonb_to_recordset($1::text::jsonb) as i(run text, number int8)
    where o.run = i.run and o.rollout = i.number`
  await execute(tx, { text, values: [JSON.stringify(rows.map(({ run, number }) => ({ run, number })))] })
}

/**
 * Counts the calls of the rollouts of `page`, up to the first that still runs, and writes with `kept` how far they are counted.
 * A rollout's `calls` is the `seq` of its latest call: if it has not changed, no call is new, and none is read.
 */
// The page is never joined with itself: Postgres does not know how long it is, and might compare each row with each. The set of
// rollouts with running calls is hashed because it is not a join.
const countingText = (page: string, kept: string) => `
  with page as materialized (${page}),
  open as materialized (
    select p.*, coalesce(g.burst, b.bucket) as burst, g.visit,
      greatest(p.seq, case when p.is_counted then p.seq else coalesce(r.stop - 1, p.calls) end) as reached, r.stop,
      make_interval(secs => case when p.is_counted then $2::text::float8 else
        least(600, greatest($2::text::float8, date_part('epoch', now() - p.created_at))) end) as pause
    from (select *, calls > seq and not is_counted as is_fresh from page) p
    cross join lateral (
      select case when p.is_fresh and not p.ended and p.number in (select rollout from tool_calls where outcome = 'running')
        then (
          select min(c.seq) from (select * from tool_calls c where c.run = p.run and c.rollout = p.number offset 0) c
          where c.outcome = 'running'
        ) end as stop
      offset 0
    ) r
    left join lateral (
      select burst, visit from rollup_groups g
      where p.is_fresh and g.run = p.run and g.item_hash = p.item_hash and g.first_at <= p.created_at
      order by visit desc limit 1
    ) g on true
    left join lateral (
      select bucket from rollups b
      where p.is_fresh and g.burst is null and b.run = p.run and b.kind = 'burst' and b.first_at <= p.created_at
      order by bucket desc limit 1
    ) b on true
  ),
  ${kept},
  sums as (
    select w.run, w.burst, w.visit, ${ms('min(w.created_at)')} as begun, ${callSumColumns}
    from (select * from open where burst is not null) w ${callsOf('(w.stop is null or c.seq < w.stop)')}
    group by w.run, w.burst, w.visit, ${callSumGroup}
  )
  select (select count(*)::int from open) as count, (select ${ms('max(created_at)')} from open) as last,
    coalesce((select json_agg(sums) from sums), '[]') as sums`

/** The statement's text. */
export const openingText = countingText(
  `select run, number, item_hash, created_at, calls, 0 as seq, ended_at is not null as ended,
      coalesce(graded_at <= $5::text::timestamptz, false) as is_counted
    from rollouts where created_at > $3::text::timestamptz and created_at <= $4::text::timestamptz
    order by created_at fetch first ($1::text::int) rows with ties`,
  `kept as (
    insert into rollup_open (run, rollout, seq, due_at)
    select run, number, reached, now() + pause from open where not ended and not is_counted
    on conflict (run, rollout) do update set seq = excluded.seq, due_at = excluded.due_at
  )`,
)

// The calls of a rollout that is graded are counted with its grading, which comes soon.
/** The statement's text. */
export const dueText = countingText(
  `select o.run, o.rollout as number, r.item_hash, r.created_at, coalesce(r.calls, 0) as calls, o.seq,
      r.ended_at is not null or r.number is null as ended, r.graded_at is not null as is_counted
    from (select * from rollup_open where due_at <= now() order by due_at limit $1::text::int) o
    left join lateral (select * from rollouts r where r.run = o.run and r.number = o.rollout limit 1) r on true`,
  `kept as (
    update rollup_open k set seq = o.reached, due_at = now() + o.pause
    from open o where k.run = o.run and k.rollout = o.number and (o.is_counted or not o.ended)
  ),
  forgotten as (
    delete from rollup_open k using open o where k.run = o.run and k.rollout = o.number and o.ended and not o.is_counted
  )`,
)
