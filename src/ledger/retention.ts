import type { Sql } from 'postgres'
import type { RolloutTable } from '../postgres/roles.ts'
import { noItemHash } from './attempt.ts'
import { deleteAttempts } from './deleting.ts'
import { execute } from './statement.ts'

/** How much one {@link deleteRollouts} removed. */
export interface Deleted {
  readonly rollouts: number
  readonly items: number
}

// An attempt's gradings have its item or `{}`, which is kept.
const unusedItems = `
  delete from items where (run, hash) in (
    select run, hash from items i
    where last_used_at < now() - make_interval(days => $1::text::int) and hash <> '${noItemHash}'
      and not exists (select from rollouts r where r.run = i.run and r.item_hash = i.hash)
    limit $2::text::int for update skip locked)
  returning 1`

/**
 * Deletes the released attempts that began more than `days` ago (1 or more) with all that belongs to them, `batch` at a
 * time, and then the items to which no rollout refers any more. An attempt that has not ended is never deleted, however old
 * it is. May run during traffic and concurrently with itself.
 */
export async function deleteRollouts(
  sql: Sql,
  days: number,
  tables: readonly RolloutTable[] = [],
  batch = 200,
): Promise<Deleted> {
  const rollouts = await deleteAttempts(sql, { days }, tables, { batch })
  let items = 0
  for (let deleted = batch; deleted === batch; items += deleted) {
    deleted = (await execute(sql, { text: unusedItems, values: [String(days), String(batch)] })).length
  }
  return { rollouts, items }
}
