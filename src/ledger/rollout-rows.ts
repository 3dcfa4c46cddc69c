import type { TransactionSql } from 'postgres'
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

/** A name, with its schema or without, as an identifier of SQL. */
const quoted = (name: string) =>
  name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
