import { PostgresJsSession } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'
import type { Tx } from '../kit/environment.ts'
import { isUnavailable } from '../postgres/database.ts'

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

/** Runs a whole-or-nothing statement again when a concurrent one or a lost connection came between. */
export async function retried<Result>(statement: () => Promise<Result>): Promise<Result> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await statement()
    } catch (error) {
      const passing = isUniqueViolation(error) || codeOf(error) === '40P01'
      // A lost connection leaves open whether the statement took effect; run again, it finds its own rows.
      if (!(passing && turn < 10) && !(isUnavailable(error) && turn < 3)) throw error
      if (!passing) await new Promise((resolve) => setTimeout(resolve, 100 * turn))
    }
  }
}

/** Whether an error says that a row stands there already. */
export const isUniqueViolation = (error: unknown): boolean => codeOf(error) === '23505'

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
