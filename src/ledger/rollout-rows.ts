import type { Sql, TransactionSql } from 'postgres'
import { execute } from './statement.ts'

/** A table with rows of rollouts: its name, and whether an attempt's rows are deleted when it ends or with the attempt. */
export interface RolloutTable {
  readonly name: string
  readonly keep: 'end' | 'retention'
}

// The tables' row-level policies compare with the setting, for their owner too.
const scope = `select set_config('scorekeeper.rollout', $1::text, true)`

/** Deletes the rows that these attempts have in these tables, by the attempts' numbers. */
export async function deleteRows(
  tx: TransactionSql,
  numbers: readonly number[],
  tables: readonly RolloutTable[],
): Promise<void> {
  if (tables.length === 0) return
  for (const number of numbers) {
    const values = [String(number)]
    // One round trip: the client sends them without waiting.
    await Promise.all([
      execute(tx, { text: scope, values }),
      ...tables.map(({ name }) =>
        execute(tx, { text: `delete from ${quoted(name)} where rollout = $1::text::int8`, values }),
      ),
    ])
  }
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
