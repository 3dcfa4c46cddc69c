import type { Sql, TransactionSql } from 'postgres'

/** How much one {@link deleteRollouts} removed. */
export interface Deleted {
  readonly rollouts: number
  readonly items: number
}

/**
 * Deletes the rollouts that began more than `days` ago (1 or more) with their calls and gradings, `batch` at a time, each
 * batch a transaction of its own, and then the items that no rollout refers to any more. Rollouts that a call is just
 * being written to, or of which a claimed call runs, are passed over, so it may run beside traffic and beside itself.
 */
export async function deleteRollouts(sql: Sql, days: number, batch = 1_000): Promise<Deleted> {
  const total = { rollouts: 0, items: 0 }
  for (let more = true; more; ) {
    const { found, gone } = await sql.begin((tx) => deleteBatch(tx, days, batch))
    total.rollouts += gone
    more = found === batch && gone > 0
  }
  for (let gone = batch; gone === batch; total.items += gone) {
    const { count } = await sql`
      delete from items where hash in (
        select hash from items i
        where last_used_at < now() - make_interval(days => ${days}::int)
          and not exists (select from rollouts r where r.item_hash = i.hash)
          and not exists (select from grades g where g.item_hash = i.hash)
        limit ${batch} for update skip locked)`
    gone = count
  }
  return total
}

async function deleteBatch(tx: TransactionSql, days: number, batch: number) {
  const old = await tx<{ id: string }[]>`
    select id from rollouts where created_at < now() - make_interval(days => ${days}::int)
    order by created_at limit ${batch} for update skip locked`
  // A statement of its own, for it has to see what was written until the rollouts were locked.
  const [row] = await tx<{ gone: number }[]>`
    with old as materialized (
      select id from jsonb_array_elements_text(${JSON.stringify(old.map(({ id }) => id))}::text::jsonb) as locked(id)
      where not exists (select from tool_calls where rollout_id = id and outcome = 'running')
    ),
    calls as (delete from tool_calls where rollout_id in (select id from old)),
    gradings as (delete from grades where rollout_id in (select id from old)),
    gone as (delete from rollouts where id in (select id from old) returning 1)
    select count(*)::int as gone from gone`
  return { found: old.length, gone: row?.gone ?? 0 }
}
