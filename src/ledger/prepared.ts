import type { SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { Row, Sql } from 'postgres'
import type { Db, Tx } from '../environment.ts'

const dialect = new PgDialect()

/**
 * Runs a statement of the ledger as a prepared one, so that Postgres parses and plans its text once a connection:
 * drizzle's `execute` has it do so every time, in two round trips. `Row` is what the statement selects.
 */
export function executePrepared<Row>(on: Db | Tx, statement: SQL): Promise<Row[]> {
  // The name says no more than that it is prepared; the driver goes by the text.
  return on._.session
    .prepareQuery<{ execute: Row[]; all: Row[]; values: Row[] }>(
      dialect.sqlToQuery(statement),
      undefined,
      'ledger',
      false,
    )
    .execute()
}

/** The same on the ledger's own connections, which no tool can hold. Parameters are texts. */
export async function executeRaw<Result extends Row>(sql: Sql, statement: SQL): Promise<Result[]> {
  const { sql: text, params } = dialect.sqlToQuery(statement)
  return sql.unsafe<Result[]>(text, params.map(String), { prepare: true })
}
