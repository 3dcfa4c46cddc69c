import type { Sql, TransactionSql } from 'postgres'
import type { RolloutTable } from '../postgres/roles.ts'
import { lockKey } from './attempt.ts'
import { deleteRows } from './rollout-rows.ts'
import { execute, type Statement } from './statement.ts'

/** A position after one attempt, in the order of the deletion. */
interface Position {
  readonly at: string
  readonly run: string
  readonly number: number
}

interface Found extends Position {
  readonly id: string
}

/** The attempts to delete: those that began more than so many days ago, or those of a run or of one rollout. */
export type DeletedSelection =
  | { readonly days: number }
  | { readonly run: string; readonly rolloutId?: string | undefined }

/** How attempts are deleted: how many in a transaction, and what is called after each with the number of those deleted. */
export interface DeletionPage {
  readonly batch: number
  readonly onDeleted?: ((attempts: number) => void) | undefined
}

const start: Position = { at: '-infinity', run: '', number: 0 }

const columns = 'select created_at::text as at, run, number::float8 as number, id from rollouts'

const oldText = `${columns}
  where released_at is not null and created_at < now() - make_interval(days => $1::text::int)
    and (created_at, run, number) > ($2::text::timestamptz, $3::text, $4::text::int8)
  order by created_at, run, number limit $5::text::int for update skip locked`

const namedText = `${columns}
  where released_at is not null and run = $1::text and ($2::text is null or id = $2::text) and number > $3::text::int8
  order by number limit $4::text::int for update skip locked`

// A try-lock: a transaction takes this lock before the row's, so waiting for it here would deadlock.
const freeText = `
  select i.run, i.number::float8 as number from jsonb_to_recordset($1::text::jsonb) as i(run text, id text, number int8)
  where pg_try_advisory_xact_lock(${lockKey('i.run', 'i.id')})`

// Joined from the few attempts, by the keys of each table.
const deletion = `
  with old as materialized (select * from jsonb_to_recordset($1::text::jsonb) as o(run text, number int8)),
  calls as (delete from tool_calls t using old where t.run = old.run and t.rollout = old.number),
  gradings as (delete from grades g using old where g.run = old.run and g.rollout = old.number),
  counted as (delete from replays p using old where p.run = old.run and p.rollout = old.number),
  boxes as (delete from sandboxes b using old where b.run = old.run and b.rollout = old.number and b.closed_at is not null),
  gone as (delete from rollouts r using old where r.run = old.run and r.number = old.number returning 1)
  select count(*)::int as deleted from gone`

/**
 * Deletes released attempts of a selection with their calls, gradings and rows, `batch` at a time, each batch in its own
 * transaction. Skips those that have not ended, and those on which anything runs. May run during traffic and concurrently
 * with itself. Holds `batch` locks; Postgres has room for a few thousand. Resolves with the number of attempts.
 */
export async function deleteAttempts(
  sql: Sql,
  selection: DeletedSelection,
  tables: readonly RolloutTable[],
  { batch, onDeleted }: DeletionPage,
): Promise<number> {
  let total = 0
  for (let after: Position | undefined = start; after !== undefined; ) {
    const question = questionOf(selection, after, batch)
    const { deleted, last } = await sql.begin((tx) => deleteBatch(tx, question, tables, batch))
    total += deleted
    onDeleted?.(deleted)
    after = last
  }
  return total
}

function questionOf(selection: DeletedSelection, { at, run, number }: Position, batch: number): Statement {
  if ('days' in selection) {
    return { text: oldText, values: [String(selection.days), at, run, String(number), String(batch)] }
  }
  return { text: namedText, values: [selection.run, selection.rolloutId ?? null, String(number), String(batch)] }
}

/** Deletes those of the next attempts that may be deleted; `last` is undefined if there are no more. */
async function deleteBatch(tx: TransactionSql, question: Statement, tables: readonly RolloutTable[], batch: number) {
  const old = await execute<Found>(tx, question)
  if (old.length === 0) return { deleted: 0, last: undefined }
  const free = await execute<{ run: string; number: number }>(tx, { text: freeText, values: [JSON.stringify(old)] })
  const numbers = free.map(({ number }) => number)
  await deleteRows(tx, numbers, tables)
  const [row] = await execute<{ deleted: number }>(tx, { text: deletion, values: [JSON.stringify(free)] })
  return { deleted: row?.deleted ?? 0, last: old.length === batch ? old.at(-1) : undefined }
}

const runItems = `
  delete from items where run = $1::text and hash in (
    select hash from items i
    where run = $1::text and not exists (select from rollouts r where r.run = $1::text and r.item_hash = i.hash)
    limit $2::text::int for update skip locked)
  returning 1`

const runRow = 'delete from runs where name = $1::text and not exists (select from rollouts where run = $1::text)'

// What is folded of a run goes with it; `rollup_alarms` stays, as the history of the server.
const runSums = `
  with none as materialized (select 1 where not exists (select from rollouts where run = $1::text)),
  sums as (delete from rollups using none where run = $1::text),
  groups as (delete from rollup_groups using none where run = $1::text),
  open as (delete from rollup_open using none where run = $1::text)
  delete from rollup_runs using none where run = $1::text`

/** Deletes a run's items, its sums and its row, unless it has rollouts. */
export async function deleteEmptyRun(sql: Sql, run: string, batch: number): Promise<void> {
  for (let deleted = batch; deleted === batch; ) {
    deleted = (await execute(sql, { text: runItems, values: [run, String(batch)] })).length
  }
  await execute(sql, { text: runSums, values: [run] })
  await execute(sql, { text: runRow, values: [run] })
}
