import type { TransactionSql } from 'postgres'
import { timestampText } from '../reports/exported-subjects.ts'
import { execute } from '../statement.ts'

/** A rollout that began. Times are milliseconds since 1970. */
export interface BeginFact {
  readonly run: string
  readonly number: number
  readonly item_hash: string
  readonly at: number
  readonly wire: string | null
  readonly key_name: string | null
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
  /** The beginning of the answer, its hash and its length; null if the sample has no text. */
  readonly answer: string | null
  readonly answer_hash: string | null
  readonly characters: number | null
}

/** A rollout whose calls are counted before it is graded. */
export interface OpenFact {
  readonly run: string
  readonly number: number
  readonly item_hash: string
  readonly begun_at: number
  readonly seq: number
  readonly ended: boolean
  /** Whether it is graded: its calls are counted with its grading. */
  readonly graded: boolean
}

/** How far the ledger is folded; timestamps in text, because `-infinity` is one. */
export interface Cursor {
  readonly begun_at: string
  readonly graded_at: string
  readonly opened_at: string
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

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

/** A page of facts in order of time, and whether there are more. All facts of one timestamp are on the same page. */
export interface Page<Fact> {
  readonly facts: readonly Fact[]
  readonly isFull: boolean
}

async function page<Fact extends object>(
  tx: TransactionSql,
  text: string,
  values: readonly string[],
  size: number,
): Promise<Page<Fact>> {
  const facts = await execute<Fact>(tx, { text, values: [...values, String(size)] })
  return { facts, isFull: facts.length >= size }
}

/** The rollouts that began after the cursor and before the horizon. */
export function readBegins(tx: TransactionSql, cursor: Cursor, until: string, size: number): Promise<Page<BeginFact>> {
  const text = `
    select run, number::float8 as number, item_hash, ${ms('created_at')} as at, wire, key_name from rollouts
    where created_at > $1::text::timestamptz and created_at < $2::text::timestamptz
    order by created_at fetch first ($3::text::int) rows with ties`
  return page(tx, text, [cursor.begun_at, until], size)
}

/** The gradings after the cursor and up to a time. */
export function readGradings(
  tx: TransactionSql,
  cursor: Cursor,
  upTo: string,
  size: number,
): Promise<Page<GradingFact>> {
  const text = `
    select g.run, g.rollout::float8 as number, r.item_hash, ${ms('r.created_at')} as begun_at, ${ms('g.created_at')} as at,
      g.grader, g.outcome, g.code, g.score, g.parts, g.duration_ms, r.calls, coalesce(o.seq, 0) as seq,
      left(g.sample ->> 'output_text', ${answerLength}) as answer, md5(g.sample ->> 'output_text') as answer_hash,
      char_length(g.sample ->> 'output_text') as characters,
      (select b.outcome from grades b where b.run = g.run and b.rollout = g.rollout and b.source = 'trainer'
        and (b.created_at, b.id) < (g.created_at, g.id)
        order by b.outcome = 'scored' desc, b.created_at desc, b.id desc limit 1) as before
    from (
      select * from grades where source = 'trainer' and created_at > $1::text::timestamptz and created_at <= $2::text::timestamptz
      order by created_at fetch first ($3::text::int) rows with ties
    ) g
    join rollouts r on r.run = g.run and r.number = g.rollout
    left join rollup_open o on o.run = g.run and o.rollout = g.rollout
    order by g.created_at, g.id`
  return page(tx, text, [cursor.graded_at, upTo], size)
}

/** The rollouts that began after the cursor and up to a time, and are not graded before the gradings that are counted. */
export function readOpening(tx: TransactionSql, cursor: Cursor, upTo: string, size: number): Promise<Page<OpenFact>> {
  const text = `
    select run, number::float8 as number, item_hash, ${ms('created_at')} as begun_at, 0 as seq, ended_at is not null as ended,
      coalesce(graded_at <= $4::text::timestamptz, false) as graded
    from rollouts where created_at > $1::text::timestamptz and created_at <= $2::text::timestamptz
    order by created_at fetch first ($3::text::int) rows with ties`
  return execute<OpenFact>(tx, { text, values: [cursor.opened_at, upTo, String(size), cursor.graded_at] }).then(
    (facts) => ({ facts, isFull: facts.length >= size }),
  )
}

/** The open rollouts that are due to be looked at again; those that were deleted are forgotten. */
export async function readDue(tx: TransactionSql, size: number): Promise<Page<OpenFact>> {
  const text = `
    with due as (select run, rollout, seq from rollup_open where due_at <= now() order by due_at limit $1::text::int),
    gone as (
      delete from rollup_open o using due d where o.run = d.run and o.rollout = d.rollout
        and not exists (select from rollouts r where r.run = d.run and r.number = d.rollout)
    )
    select d.run, d.rollout::float8 as number, r.item_hash, ${ms('r.created_at')} as begun_at, d.seq,
      r.ended_at is not null as ended, r.graded_at is not null as graded
    from due d join rollouts r on r.run = d.run and r.number = d.rollout`
  return await page<OpenFact>(tx, text, [], size)
}

/** Stores up to which call open rollouts are counted, and when they are looked at again. */
export async function keepOpen(
  tx: TransactionSql,
  rows: readonly { readonly run: string; readonly rollout: number; readonly seq: number; readonly seconds: number }[],
): Promise<void> {
  if (rows.length === 0) return
  const text = `
    insert into rollup_open (run, rollout, seq, due_at)
    select run, rollout, seq, now() + make_interval(secs => seconds)
    from jsonb_to_recordset($1::text::jsonb) as i(run text, rollout int8, seq int, seconds float8)
    on conflict (run, rollout) do update set seq = excluded.seq, due_at = excluded.due_at`
  await execute(tx, { text, values: [JSON.stringify(rows)] })
}

/** Forgets open rollouts that are graded or have ended. */
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
