import { is, sql } from 'drizzle-orm'
import {
  bigint,
  PgColumn,
  type PgColumnBuilderBase,
  type PgTableExtraConfigValue,
  pgPolicy,
  pgTable,
  primaryKey,
} from 'drizzle-orm/pg-core'

/** How the rows of a rollout table are identified and kept. */
export interface RolloutTableOptions<Columns> {
  /** The columns that identify a row within its rollout, one or more. */
  readonly key: readonly [keyof Columns & string, ...(keyof Columns & string)[]]
  /** How long the rows are kept: until the rollout ends (the default), or as long as the rollout is recorded. */
  readonly keep?: 'end' | 'retention'
}

/** The names of the policy, by how long a table's rows are kept. The server finds rollout tables by them. */
export const rolloutPolicies = { end: 'scorekeeper_rollout', retention: 'scorekeeper_rollout_kept' } as const

/**
 * Defines a table of which each rollout has rows of its own. Tools, graders and hooks use it like any other drizzle table
 * and reach the rows of their own rollout alone. An insert needs no value for the column `rollout`, which leads the
 * primary key and is filled in; an upsert names it in its `target`, with the columns of the key. Rows are deleted when the
 * rollout ends, see {@link RolloutTableOptions.keep}.
 *
 * The third parameter makes indexes and constraints; let them begin with the column `rollout`.
 *
 * Throws if `key` names a column that does not exist.
 *
 * @example
 * export const orders = rolloutTable(
 *   'orders',
 *   { id: text('id').notNull(), status: text('status').notNull() },
 *   { key: ['id'] },
 * )
 */
export function rolloutTable<Name extends string, Columns extends Record<string, PgColumnBuilderBase>>(
  name: Name,
  columns: Columns,
  { key, keep = 'end' }: RolloutTableOptions<Columns>,
  extra: (table: Readonly<Record<string, PgColumn>>) => PgTableExtraConfigValue[] = () => [],
) {
  if ('rollout' in columns) throw new Error(`the rollout table "${name}" has a column "rollout" of its own; rename it`)
  const rollout = bigint('rollout', { mode: 'number' }).notNull().default(sql`scorekeeper_rollout()`)
  return pgTable(name, { rollout, ...columns }, (self) => {
    const made = new Map<string, PgColumn>()
    for (const [property, column] of Object.entries<unknown>(self)) if (is(column, PgColumn)) made.set(property, column)
    const columnOf = (property: string): PgColumn => {
      const column = made.get(property)
      if (column === undefined) throw new Error(`the rollout table "${name}" has no column "${property}" for its key`)
      return column
    }
    const own = sql`rollout = scorekeeper_rollout()`
    return [
      primaryKey({ columns: [columnOf('rollout'), ...key.map(columnOf)] }),
      pgPolicy(rolloutPolicies[keep], { using: own, withCheck: own }),
      ...extra(Object.fromEntries(made)),
    ]
  })
}
