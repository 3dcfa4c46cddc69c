import type { ISql, Sql, TransactionSql } from 'postgres'
import { contentHash } from '../base/json.ts'

// The ledger's tables of before runs and attempts are in the schema before_runs until their rows are taken over.

/** How far the takeover of an older ledger is, in rows, whichever processes did the work. */
export interface TakeoverProgress {
  readonly done: number
  readonly total: number
}

/** The progress as text. */
export function takeoverText({ done, total }: TakeoverProgress): string {
  const percent = Math.floor((done / Math.max(1, total)) * 100)
  return `taking over the ledger's rows: ${done} of ${total} (${percent} %)`
}

/** Whether rows of an older ledger wait to be taken over. */
export async function needsTakeover(sql: ISql): Promise<boolean> {
  // `to_regnamespace` would not see what was dropped while this transaction waited for the lock.
  const found = await sql`select from pg_namespace where nspname = 'before_runs'`
  return found.length > 0
}

/** Drops the older tables if they are empty, as they are in a new database. */
export async function dropEmptyTables(tx: TransactionSql): Promise<void> {
  if ((await needsTakeover(tx)) && (await isEmpty(tx))) await dropTables(tx)
}

/** What {@link takeOver} moves in one transaction: at most so many items, rollouts, and rows of calls of these rollouts. */
interface Steps {
  readonly items: number
  readonly rollouts: number
  readonly calls: number
}

/** What {@link takeOver} needs. */
export interface TakeoverSettings {
  readonly sql: Sql
  /** The key of the advisory lock that each transaction takes. */
  readonly lock: number
  readonly onProgress?: ((progress: TakeoverProgress) => void) | undefined
  readonly steps?: Steps
}

/**
 * Moves the rows of an older ledger into today's tables, as the first attempts of the rollouts of the run `default`, and
 * drops the older tables. Each transaction moves a bounded number of rows, so that a process that dies leaves the rest to
 * the next one; processes that do so at the same time take turns. Does nothing on a database without an older ledger.
 *
 * @throws Error that names what else uses the older tables.
 */
export async function takeOver({ sql, lock, onProgress, steps = usualSteps }: TakeoverSettings): Promise<void> {
  if (!(await needsTakeover(sql))) return
  for (let after: Place | undefined = start; after !== undefined; ) {
    const from: Place = after
    const { next, progress } = await sql.begin('isolation level read committed', async (tx) => {
      await tx`select pg_advisory_xact_lock(${lock})`
      await tx`set local statement_timeout = 0`
      return (await needsTakeover(tx)) ? await takeOverNext(tx, from, steps) : { next: undefined, progress: undefined }
    })
    if (progress) onProgress?.(progress)
    // Plans for the new tables would be made without statistics until autovacuum has come by.
    if (progress && next === undefined) await sql`analyze items, rollouts, tool_calls, grades`
    after = next
  }
}

/** Where the next rows are: after an item's hash and a rollout's time, so that deleted rows are not read again. */
interface Place {
  readonly hash: string
  readonly at: string
}

const start: Place = { hash: '', at: '-infinity' }

async function takeOverNext(tx: TransactionSql, { hash, at }: Place, steps: Steps) {
  await startTakeover(tx)
  const items = await moveItems(tx, hash, steps)
  const rollouts = items.rows > 0 ? { rows: 0, last: null } : await moveRollouts(tx, at, steps)
  const rows = items.rows + rollouts.rows
  const added = rows > 0 ? 0 : await adoptOrphans(tx, steps)
  const [progress] = await tx<TakeoverProgress[]>`
    update before_runs.takeover set done = done + ${rows}, total = total + ${added}
    returning done::float8 as done, total::float8 as total`
  if (rows > 0) return { next: { hash: items.last ?? hash, at: rollouts.last ?? at }, progress }
  if (!(await isEmpty(tx))) return { next: start, progress }
  await dropTables(tx)
  return { next: undefined, progress }
}

const usualSteps: Steps = { items: 1_000, rollouts: 1_000, calls: 5_000 }

interface Moved {
  readonly rows: number
  readonly last: string | null
}

/** Counts what there is to do, once. */
async function startTakeover(tx: TransactionSql): Promise<void> {
  const found = await tx`select from pg_tables where schemaname = 'before_runs' and tablename = 'takeover'`
  if (found.length > 0) return
  await tx`create table before_runs.takeover (total bigint not null, done bigint not null)`
  await tx`
    insert into before_runs.takeover
    select (select count(*) from before_runs.items) + (select count(*) from before_runs.rollouts)
      + (select count(*) from before_runs.tool_calls) + (select count(*) from before_runs.grades), 0`
  await tx`
    insert into runs (name, created_at) select 'default', coalesce(min(created_at), now()) from before_runs.rollouts
    on conflict (name) do nothing`
  await tx`
    select setval('grade_numbers', greatest(max(id), (select last_value from grade_numbers))) from before_runs.grades
    having max(id) is not null`
}

async function moveItems(tx: TransactionSql, after: string, steps: Steps): Promise<Moved> {
  const [row] = await tx<Moved[]>`
    with moved as (
      delete from before_runs.items
      where hash in (select hash from before_runs.items where hash > ${after} order by hash limit ${steps.items})
      returning *
    ),
    written as (
      insert into items (run, hash, content, created_at, last_used_at)
      select 'default', hash, content, created_at, last_used_at from moved order by hash
      on conflict (run, hash) do nothing
    )
    select count(*)::int as rows, max(hash) as last from moved`
  return row ?? { rows: 0, last: null }
}

/**
 * Moves the oldest rollouts with their calls and gradings. A rollout that was used within the last hour stays open.
 *
 * Rows to delete are found by lateral subqueries and ctid, which are fast whatever the statistics of the tables.
 */
async function moveRollouts(tx: TransactionSql, after: string, steps: Steps): Promise<Moved> {
  await tx`set local enable_seqscan = off`
  // Compiling the statement would take longer than running it.
  await tx`set local jit = off`
  const [row] = await tx<Moved[]>`
    with chosen as materialized (
      select * from (
        select *, sum(calls) over earlier as up_to, row_number() over earlier as nth
        from (
          select ctid as place, * from before_runs.rollouts where created_at >= ${after}::text::timestamptz
          order by created_at, id limit ${steps.rollouts}
        ) page
        window earlier as (order by created_at, id)
      ) counted
      where up_to <= ${steps.calls} or nth = 1
      order by nth
    ),
    numbered as materialized (select nextval('rollout_numbers') as number, c.* from chosen c),
    gone as (delete from before_runs.rollouts where ctid = any(array(select place from chosen))),
    calls as (
      delete from before_runs.tool_calls where ctid = any(array(
        select t.place from chosen c
        cross join lateral (select ctid as place from before_runs.tool_calls where rollout_id = c.id limit 1000000000) t))
      returning *
    ),
    gradings as (
      delete from before_runs.grades where ctid = any(array(
        select g.place from chosen c
        cross join lateral (select ctid as place from before_runs.grades where rollout_id = c.id limit 1000000000) g))
      returning *
    ),
    written_calls as (
      insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, code, cause, execution, claim,
        lease_until, started_at, finished_at)
      select 'default', n.number, call_id, seq, tool, arguments, outcome, output, code, cause, attempt, claim,
        lease_until, started_at, finished_at
      from calls t join numbered n on n.id = t.rollout_id order by n.number, seq
    ),
    written_gradings as (
      insert into grades (run, id, rollout, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome,
        score, parts, reason, code, duration_ms, created_at)
      select 'default', g.id, n.number, grader, version, code_hash, source, sample_hash, sample, g.item_hash, outcome,
        score, parts, reason, code, duration_ms, g.created_at
      from gradings g join numbered n on n.id = g.rollout_id order by g.id
    ),
    uses as (
      select rollout_id, max(at) as at, min(graded_at) as graded_at from (
        select rollout_id, greatest(started_at, finished_at, case outcome when 'running' then lease_until end) as at,
          null::timestamptz as graded_at
        from calls
        union all
        select rollout_id, created_at, created_at from gradings where source = 'trainer'
      ) used group by rollout_id
    ),
    written_rollouts as (
      insert into rollouts (run, number, id, item_hash, calls, state, created_at, graded_at, due_at, ended_at, outcome,
        released_at)
      select 'default', number, id, item_hash, calls, state, created_at, graded_at, due_at,
        case when is_over then due_at end,
        case when is_over then case when graded_at is null then 'abandoned' else 'graded' end end,
        case when is_over then due_at end
      from (
        select n.*, u.graded_at, d.due_at, d.due_at < now() as is_over
        from numbered n left join uses u on u.rollout_id = n.id
        cross join lateral (select greatest(n.created_at, u.at) + interval '1 hour' as due_at) d
      ) due order by number
    )
    select ((select count(*) from chosen) + (select count(*) from calls) + (select count(*) from gradings))::int as rows,
      (select max(created_at)::text from chosen) as last`
  return row ?? { rows: 0, last: null }
}

/** Makes rollouts for calls and gradings that have none: nothing but a person's own statements leaves such rows. */
async function adoptOrphans(tx: TransactionSql, steps: Steps): Promise<number> {
  const made = await tx`
    insert into before_runs.rollouts (id, item_hash, calls, created_at)
    select rollout_id, coalesce(max(item_hash), ${contentHash({})}), max(calls), min(at) from (
      (select rollout_id, null as item_hash, seq as calls, started_at as at from before_runs.tool_calls
        order by rollout_id limit ${steps.rollouts})
      union all
      (select rollout_id, item_hash, 0, created_at from before_runs.grades order by rollout_id limit ${steps.rollouts})
    ) orphans group by rollout_id
    on conflict (id) do nothing returning 1`
  return made.length
}

async function isEmpty(tx: TransactionSql): Promise<boolean> {
  const [row] = await tx<{ empty: boolean }[]>`
    select not exists (select from before_runs.items) and not exists (select from before_runs.rollouts)
      and not exists (select from before_runs.tool_calls) and not exists (select from before_runs.grades) as empty`
  return row?.empty === true
}

async function dropTables(tx: TransactionSql): Promise<void> {
  await refuseDependents(tx)
  await tx`drop table if exists before_runs.takeover`
  await tx`drop table before_runs.grades, before_runs.tool_calls, before_runs.rollouts, before_runs.items`
  await tx`drop schema before_runs`
}

/**
 * Refuses to replace the older tables while something else uses them: a view would show fewer and fewer rows, and a foreign
 * key that cascades would delete the rows that refer to them.
 *
 * @throws Error that names the views, constraints, functions and triggers.
 */
export async function refuseDependents(tx: ISql): Promise<void> {
  const found = await tx<{ name: string }[]>`
    with older as (
      select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('public', 'before_runs') and c.relname in ('items', 'rollouts', 'tool_calls', 'grades')
        and c.relkind in ('r', 'p')
        and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'run')
    )
    select distinct case d.classid
        when 'pg_rewrite'::regclass then
          (select pg_describe_object('pg_class'::regclass, r.ev_class, 0) from pg_rewrite r where r.oid = d.objid)
        else pg_describe_object(d.classid, d.objid, d.objsubid) end as name
    from pg_depend d
    where d.refclassid = 'pg_class'::regclass and d.refobjid in (select oid from older) and d.deptype = 'n'
      and not exists (
        select from pg_constraint k
        where d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.conrelid in (select oid from older))
    union
    select pg_describe_object('pg_trigger'::regclass, t.oid, 0) from pg_trigger t
    where t.tgrelid in (select oid from older) and not t.tgisinternal
    order by name`
  if (found.length === 0) return
  const names = found.map(({ name }) => name).join(', ')
  throw new Error(
    `the ledger's tables are replaced, and something else uses them: ${names}. Drop ${found.length === 1 ? 'it' : 'them'} ` +
      'and start again. Afterwards, views can read ledger.rollouts, ledger.calls and ledger.gradings instead.',
  )
}
