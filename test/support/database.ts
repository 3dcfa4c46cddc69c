import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'
import { withDatabase } from './global-database.ts'

/** A database of a test's own. */
export interface TestDatabase {
  url: string
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>
}

/**
 * Makes a database for one test file, migrated and empty; with `migrated: false` one without a table.
 *
 * @example
 * const database = await createTestDatabase()
 * afterAll(() => database.drop())
 */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const { url, template } = inject('testServer')
  const name = `${template}_${process.pid}_${randomBytes(4).toString('hex')}`
  await onServer(url, (sql) => sql`create database ${sql(name)} template ${sql(migrated ? template : 'template1')}`)
  return {
    url: withDatabase(url, name),
    drop: () => onServer(url, (sql) => sql`drop database if exists ${sql(name)} with (force)`),
  }
}

async function onServer(url: string, work: (sql: postgres.Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice() {} })
  try {
    await work(sql)
  } finally {
    await sql.end()
  }
}
