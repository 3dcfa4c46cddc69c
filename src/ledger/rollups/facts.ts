import type { TransactionSql } from 'postgres'
import { epochMsText as ms, timestampText } from '../reports/exported-subjects.ts'
import { execute } from '../statement.ts'

/** Rollouts of one item that began in one minute and without a gap that ends a burst or a visit. Times are milliseconds since 1970. */
export interface BeginFact {
  readonly run: string
  readonly item_hash: string
  readonly count: number
  readonly first: number
  readonly last: number
}

/** The protocol and the key of a run's latest rollout. */
export interface RunSource {
  readonly run: string
  readonly wire: string | null
  readonly key_name: string | null
}

/** A page of rollouts that began: how many there are, when the last one did, and the facts in order of time. */
export interface BeginsPage {
  readonly count: number
  readonly last: number | null
  readonly facts: readonly BeginFact[]
  readonly sources: readonly RunSource[]
}

/** A grading that a trainer asked for. */
export interface GradingFact {
  readonly run: string
  readonly number: number
  readonly item_hash: string
  /** When the rollout began. */
  readonly begun_at: number
  readonly at: number
  readonly grader: string
  readonly outcome: 'scored' | 'ungradable' | 'failed'
  /** The best outcome of the rollout before; null if this is its first grading. */
  readonly before: 'scored' | 'ungradable' | 'failed' | null
  readonly code: string | null
  readonly score: number | null
  readonly parts: Readonly<Record<string, number>> | null
  readonly duration_ms: number
  /** How many calls the rollout made, and the `seq` of those that are counted already. */
  readonly calls: number
  readonly seq: number
  /** Whether its calls were counted while it was open. */
  readonly is_open: boolean
  /** The beginning of the answer, its hash and its length; null if the sample has no text. */
  readonly answer: string | null
  readonly answer_hash: string | null
  readonly characters: number | null
}

/** How far the ledger is folded; timestamps in text, because `-infinity` is one. */
export interface Cursor {
  readonly begun_at: string
  readonly graded_at: string
  readonly opened_at: string
}

/** The length of the beginning of an answer, in characters. */
const answerLength = 2_000

/** Locks out other replicas for the rest of the transaction; undefined if another one folds now. */
export async function lockCursor(tx: TransactionSql): Promise<Cursor | undefined> {
  const [lock] = await execute<{ free: boolean }>(tx, { text: lockText, values: [] })
  if (!lock?.free) return undefined
  const found = await execute<Cursor>(tx, { text: cursorText, values: [] })
  return found[0] ?? { begun_at: '-infinity', graded_at: '-infinity', opened_at: '-infinity' }
}

const lockText = 'select pg_try_advisory_xact_lock(7720333) as free'

const cursorText = `
  select ${['begun_at', 'graded_at', 'opened_at'].map((name) => `case when ${name} = '-infinity' then '-infinity' else ${timestampText(name)} end as ${name}`).join(', ')}
  from rollup_cursor`

/** Stores how far the ledger is folded. */
export async function moveCursor(tx: TransactionSql, cursor: Cursor): Promise<void> {
  const text = `
    insert into rollup_cursor (id, begun_at, graded_at, opened_at, folded_at)
    values (1, $1::text::timestamptz, $2::text::timestamptz, $3::text::timestamptz, now())
    on conflict (id) do update set begun_at = excluded.begun_at, graded_at = excluded.graded_at,
      opened_at = excluded.opened_at, folded_at = excluded.folded_at`
  await execute(tx, { text, values: [cursor.begun_at, cursor.graded_at, cursor.opened_at] })
}

/** A page of gradings in order of time, and whether there are more. All of one timestamp are on the same page. */
export interface GradingsPage {
  readonly facts: readonly GradingFact[]
  readonly isFull: boolean
}

/** The gaps that end a burst of a run and a visit of an item, in seconds. */
export interface Gaps {
  readonly burst: number
  readonly visit: number
}

/** Reads the rollouts that began after the cursor and before the horizon. */
export async function readBegins(
  tx: TransactionSql,
  cursor: Cursor,
  until: string,
  size: number,
  gaps: Gaps,
): Promise<BeginsPage> {
  const values = [cursor.begun_at, until, String(size), String(gaps.burst), String(gaps.visit)]
  const [found] = await execute<BeginsPage>(tx, { text: beginsText, values })
  return found ?? { count: 0, last: null, facts: [], sources: [] }
}

// They are grouped here because a row for each of them costs several times as much to read.
const beginsText = `
  with page as materialized (
    select run, number, item_hash, created_at as at, wire, key_name from rollouts
    where created_at > $1::text::timestamptz and created_at < $2::text::timestamptz
    order by created_at fetch first ($3::text::int) rows with ties
  ),
  gaps as (
    select *, at - lag(at) over of_run > make_interval(secs => $4::text::float8) as ends_burst,
      at - lag(at) over of_item > make_interval(secs => $5::text::float8) as ends_visit
    from page
    window of_run as (partition by run order by at, number), of_item as (partition by run, item_hash order by at, number)
  ),
  numbered as (
    select *, count(*) filter (where ends_burst) over (partition by run order by at, number) as burst,
      count(*) filter (where ends_visit) over (partition by run, item_hash order by at, number) as visit
    from gaps
  ),
  facts as (
    select run, item_hash, count(*) as count, ${ms('min(at)')} as first, ${ms('max(at)')} as last
    from numbered group by run, item_hash, burst, visit, floor(date_part('epoch', at) / 60)
  ),
  sources as (select distinct on (run) run, wire, key_name from page order by run, at desc, number desc)
  select (select count(*)::int from page) as count, (select ${ms('max(at)')} from page) as last,
    coalesce((select json_agg(facts order by first, last) from facts), '[]') as facts,
    coalesce((select json_agg(sources) from sources), '[]') as sources`

/** The gradings after the cursor and up to a time. */
export async function readGradings(
  tx: TransactionSql,
  cursor: Cursor,
  upTo: string,
  size: number,
): Promise<GradingsPage> {
  const text = `
    select g.run, g.rollout::float8 as number, r.item_hash, ${ms('r.created_at')} as begun_at, ${ms('g.created_at')} as at,
      g.grader, g.outcome, g.code, g.score, g.parts, g.duration_ms, r.calls, coalesce(o.seq, 0) as seq, o.run is not null as is_open,
      left(a.text, ${answerLength}) as answer, md5(a.text) as answer_hash, char_length(a.text) as characters,
      (select b.outcome from grades b where b.run = g.run and b.rollout = g.rollout and b.source = 'trainer'
        and (b.created_at, b.id) < (g.created_at, g.id)
        order by b.outcome = 'scored' desc, b.created_at desc, b.id desc limit 1) as before
    from (
      select * from grades where source = 'trainer' and created_at > $1::text::timestamptz and created_at <= $2::text::timestamptz
      order by created_at fetch first ($3::text::int) rows with ties
    ) g
    join rollouts r on r.run = g.run and r.number = g.rollout
    left join rollup_open o on o.run = g.run and o.rollout = g.rollout
    cross join lateral (select g.sample ->> 'output_text' as text offset 0) a
    order by g.created_at, g.id`
  const facts = await execute<GradingFact>(tx, { text, values: [cursor.graded_at, upTo, String(size)] })
  return { facts, isFull: facts.length >= size }
}
