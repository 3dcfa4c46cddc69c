import type { Sql } from 'postgres'

/** A table of more pages than this (16 MB) is left to autovacuum: its statistics are right by and large. */
const largePages = 2_000

/** What {@link analyzeGrown} did. */
export interface Analyzed {
  /** The tables that it analyzed. */
  readonly tables: readonly string[]
  /** Whether all tables have so many pages that they can be left to autovacuum. */
  readonly areLarge: boolean
}

/**
 * Analyzes the ledger's tables that have more than twice the pages of their latest statistics, as long as they are small.
 *
 * A connection keeps the plan of a prepared statement until the table is analyzed again. A plan that is made for a table
 * of some rows reads all of them, which is right then, and wrong some seconds later in the middle of a burst; autovacuum
 * would come by after a minute. In between, such a plan never meets more than twice the rows that it was made for.
 */
export async function analyzeGrown(sql: Sql): Promise<Analyzed> {
  const rows = await sql<{ name: string; is_grown: boolean; is_large: boolean }[]>`
    select t.name, t.pages > ${largePages} as is_large,
      t.pages > 2 * t.relpages and t.pages <= ${largePages} and pg_has_role(t.relowner, 'usage') as is_grown
    from (
      select relname as name, relpages, relowner,
        pg_relation_size(oid) / current_setting('block_size')::int as pages
      from pg_class where oid in ('rollouts'::regclass, 'tool_calls'::regclass, 'grades'::regclass, 'items'::regclass)
    ) t`
  const tables = rows.filter((row) => row.is_grown).map(({ name }) => name)
  // Another process that analyzes a table, or autovacuum, does it for this one too.
  for (const table of tables) await sql`analyze (skip_locked) ${sql(table)}`
  return { tables, areLarge: rows.every((row) => row.is_large) }
}
