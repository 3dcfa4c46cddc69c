import { PostgresJsSession } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'
import type { Tx } from '../kit/environment.ts'

/** A statement of the ledger: always the same text, so that Postgres parses and plans it once a connection. */
export interface Statement {
  readonly text: string
  /** The values of `$1`, `$2` …, as texts: the statement casts them. */
  readonly values: readonly (string | null)[]
}

/** Runs a statement as a prepared one. `Row` is what it selects. */
export async function execute<Row extends object>(sql: Sql | TransactionSql, statement: Statement): Promise<Row[]> {
  return await sql.unsafe<Row[]>(statement.text, [...statement.values], { prepare: true })
}

/** The driver's side of drizzle's transaction: drizzle's own `execute` has Postgres parse and plan anew every time. */
export function connectionOf(tx: Tx): Sql | TransactionSql {
  const { session } = tx._
  if (session instanceof PostgresJsSession) return session.client
  throw new TypeError('the transaction is not one of postgres.js')
}
