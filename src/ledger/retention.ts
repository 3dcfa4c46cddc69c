import type { Sql } from 'postgres'

/** How much one {@link deleteRollouts} removed. */
export interface Deleted {
  readonly rollouts: number
  readonly items: number
}

/**
 * Deletes the rollouts that began more than `days` ago (1 or more) with their calls and gradings, `batch` at a time, each
 * batch a transaction of its own, and then the items that no rollout refers to any more. Rollouts that a call is just
 * being written to are passed over, so it may run beside traffic and beside itself.
 */
export async function deleteRollouts(sql: Sql, days: number, batch = 1_000): Promise<Deleted> {
  const total = { rollouts: 0, items: 0 }
  for (let gone = batch; gone === batch; total.rollouts += gone) {
    const [row] = await sql<{ gone: number }[]>`
      with old as (
        select id from rollouts where created_at < now() - make_interval(days => ${days}::int)
        order by created_at limit ${batch} for update skip locked
      ),
      calls as (delete from tool_calls where rollout_id in (select id from old)),
      gradings as (delete from grades where rollout_id in (select id from old)),
      gone as (delete from rollouts where id in (select id from old) returning 1)
      select count(*)::int as gone from gone`
    gone = row?.gone ?? 0
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
