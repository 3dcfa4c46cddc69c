import type { Sql, TransactionSql } from 'postgres'
import type { RolloutTable } from '../postgres/roles.ts'
import { execute } from './statement.ts'

// The tables' row-level policies compare with the setting, for their owner too.
const scope = `select set_config('scorekeeper.rollout', $1::text, true)`

/** Deletes the rows that these attempts have in these tables, by the attempts' numbers. */
export async function deleteRows(
  tx: TransactionSql,
  numbers: readonly number[],
  tables: readonly RolloutTable[],
): Promise<void> {
  if (tables.length === 0) return
  const texts = tables.map(({ name }) => `delete from ${quoted(name)} where rollout = $1::text::int8`)
  // The client sends all of them in order, without waiting for an answer.
  await Promise.all(
    numbers.flatMap((number) => [scope, ...texts].map((text) => execute(tx, { text, values: [String(number)] }))),
  )
}

/** Whether an attempt has been released, so that its rows may be deleted; true for one that is not recorded. */
export async function isReleased(sql: Sql, run: string, number: number): Promise<boolean> {
  const text = 'select released_at is null as held from rollouts where run = $1::text and number = $2::text::int8'
  const [row] = await execute<{ held: boolean }>(sql, { text, values: [run, String(number)] })
  return row?.held !== true
}

/** A name, with its schema or without, as an identifier of SQL. */
const quoted = (name: string) =>
  name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
