import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresJsSession } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'
import type { Tx } from '../kit/environment.ts'
import { isUnavailable } from '../postgres/database.ts'

/** A statement of the ledger: its text is constant, so that Postgres parses and plans it once per connection. */
export interface Statement {
  readonly text: string
  /** The values of `$1`, `$2` …, as texts: the statement casts them. */
  readonly values: readonly (string | null)[]
}

/**
 * Runs a statement as a prepared one; `Row` is the type of its rows. Outside of a transaction it is retried if Postgres
 * rolled it back because of a concurrent one.
 */
export async function execute<Row extends object>(sql: Sql | TransactionSql, statement: Statement): Promise<Row[]> {
  const run = async () => await sql.unsafe<Row[]>(statement.text, [...statement.values], { prepare: true })
  return 'begin' in sql ? await rerunOnConflict(run) : await run()
}

/** Runs atomic work, and retries it up to ten times if Postgres rolled it back because of a concurrent transaction. */
export async function rerunOnConflict<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await work()
    } catch (error) {
      if (turn === 10 || !isSerializationFailure(error)) throw error
    }
  }
}

/** The driver's side of drizzle's transaction: drizzle's own `execute` has Postgres parse and plan every time. */
export function connectionOf(tx: Tx): Sql | TransactionSql {
  const { session } = tx._
  if (session instanceof PostgresJsSession) return session.client
  throw new TypeError('the transaction does not belong to postgres.js')
}

/** Runs an atomic statement, and retries it after a conflict with a concurrent one or a lost connection. */
export async function retried<Result>(statement: () => Promise<Result>): Promise<Result> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await statement()
    } catch (error) {
      const isConflict = isUniqueViolation(error) || isSerializationFailure(error)
      // After a lost connection it is unknown whether the statement took effect; run again, it finds its own rows.
      if (!(isConflict && turn < 10) && !(isUnavailable(error) && turn < 3)) throw error
      if (!isConflict) await sleep(100 * turn)
    }
  }
}

/**
 * Runs a write again for up to `seconds` while the database is unavailable: for the record of something that has happened
 * already.
 */
export async function persistently<Result>(seconds: number, write: () => Promise<Result>): Promise<Result> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > end) throw error
      await sleep(250)
    }
  }
}

/** Whether an error says that a row with the same key exists. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505'
}

/**
 * Whether an error, or one of its causes, says that Postgres rolled back a transaction because of a concurrent one: a
 * serialization failure or a deadlock. The transaction can be retried.
 */
export function isSerializationFailure(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (sqlState(at) === '40001' || sqlState(at) === '40P01') return true
  }
  return false
}

/** The SQLSTATE of a database error: five characters, the same in every language of the server. */
export function sqlState(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
