import type { Sql, TransactionSql } from 'postgres'

/** How much one {@link deleteRollouts} removed. */
export interface Deleted {
  readonly rollouts: number
  readonly items: number
}

/**
 * Deletes the rollouts that began more than `days` ago (1 or more) with their calls and gradings, `batch` at a time, each
 * batch in its own transaction, and then the items that no rollout refers to any more.
 *
 * Skips a rollout that is in use: with a call or a grading in the last hour, to which a call is being written, with a
 * claimed call running, or whose lock a transaction holds. So it can run during traffic and concurrently with itself. A
 * database call that begins while its rollout is deleted waits for the deletion and then starts the rollout anew. It holds
 * `batch` locks; Postgres has room for a few thousand.
 */
export async function deleteRollouts(sql: Sql, days: number, batch = 200): Promise<Deleted> {
  const total = { rollouts: 0, items: 0 }
  for (let after: Position | undefined = start; after !== undefined; ) {
    const position: Position = after
    const { deleted, last } = await sql.begin((tx) => deleteBatch(tx, days, batch, position))
    total.rollouts += deleted
    after = last
  }
  for (let deleted = batch; deleted === batch; total.items += deleted) {
    const { count } = await sql`
      delete from items where hash in (
        select hash from items i
        where last_used_at < now() - make_interval(days => ${days}::int)
          and not exists (select from rollouts r where r.item_hash = i.hash)
          and not exists (select from grades g where g.item_hash = i.hash)
        limit ${batch} for update skip locked)`
    deleted = count
  }
  return total
}

/** A position after one rollout, in the order in which they began. */
interface Position {
  readonly at: string
  readonly id: string
}

const start: Position = { at: '-infinity', id: '' }

/** Deletes those of the next `batch` old rollouts that may be deleted; `last` is undefined if there are no more. */
async function deleteBatch(tx: TransactionSql, days: number, batch: number, after: Position) {
  const old = await tx<Position[]>`
    select created_at::text as at, id from rollouts
    where created_at < now() - make_interval(days => ${days}::int)
      and (created_at, id) > (${after.at}::text::timestamptz, ${after.id}::text)
    order by created_at, id limit ${batch} for update skip locked`
  const ids = JSON.stringify(old.map(({ id }) => id))
  // A try-lock: a transaction takes this lock before the row's, so waiting for it here would deadlock.
  const free = await tx<{ id: string }[]>`
    select id from jsonb_array_elements_text(${ids}::text::jsonb) as locked(id)
    where pg_try_advisory_xact_lock(hashtextextended(id, 0))`
  // A separate statement, so that it sees what was written before the locks were taken.
  const [row] = await tx<{ deleted: number }[]>`
    with old as materialized (
      select free.id from jsonb_array_elements_text(${JSON.stringify(free.map(({ id }) => id))}::text::jsonb) as free(id)
      where not exists (
          select from tool_calls where rollout_id = free.id
            and (outcome = 'running' or coalesce(finished_at, started_at) > now() - interval '1 hour'))
        and not exists (select from grades where rollout_id = free.id and created_at > now() - interval '1 hour')
    ),
    calls as (delete from tool_calls where rollout_id in (select id from old)),
    gradings as (delete from grades where rollout_id in (select id from old)),
    gone as (delete from rollouts where id in (select id from old) returning 1)
    select count(*)::int as deleted from gone`
  return { deleted: row?.deleted ?? 0, last: old.length === batch ? old.at(-1) : undefined }
}
