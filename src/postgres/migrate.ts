import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator'
import type { ISql, Sql } from 'postgres'
import { postgres } from './driver.ts'

/** The folder of generated SQL, beside `src/` both in the sources and in what is built of them. */
export const migrationsFolder: string = fileURLToPath(new URL('../../schema/migrations', import.meta.url))

const migrationLock = 7_720_332

/**
 * Applies all migrations that the database does not have yet, in order and all or none. Any number of processes may do
 * so at once: one of them does the work and the others wait for it.
 *
 * @throws Error with Postgres's own message when a migration fails; the database is then as it was before.
 */
export async function migrate(url: string, folder: string = migrationsFolder): Promise<void> {
  const migrations = readMigrations(folder)
  const sql = postgres(url, { max: 1, prepare: false, fetch_types: false, connect_timeout: 10, onnotice() {} })
  try {
    // One transaction for the lock and the work: a lock of the session would be lost behind a pooler, and a second
    // connection might never get its turn behind the replicas that wait for the lock.
    await sql.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${migrationLock})`
      await tx`set local statement_timeout = 0`
      await tx`create schema if not exists drizzle`
      await tx`create table if not exists drizzle.__drizzle_migrations
        (id serial primary key, hash text not null, created_at bigint)`
      const applied = await appliedTimes(tx)
      for (const migration of migrations.filter(({ folderMillis }) => !applied.has(folderMillis))) {
        for (const statement of migration.sql) await tx.unsafe(statement)
        await tx`insert into drizzle.__drizzle_migrations (hash, created_at)
          values (${migration.hash}, ${migration.folderMillis})`
      }
    })
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/**
 * Whether every migration of the folder has been applied; `false` for a database that has never been migrated.
 *
 * @throws what the query throws when the database is away.
 */
export async function isMigrated(sql: Sql, folder: string = migrationsFolder): Promise<boolean> {
  const migrations = readMigrations(folder)
  const [table] = await sql<
    { there: boolean }[]
  >`select to_regclass('drizzle.__drizzle_migrations') is not null as there`
  if (!table?.there) return migrations.length === 0
  const applied = await appliedTimes(sql)
  return migrations.every(({ folderMillis }) => applied.has(folderMillis))
}

async function appliedTimes(sql: ISql): Promise<Set<number>> {
  const rows = await sql<{ created_at: string }[]>`select created_at from drizzle.__drizzle_migrations`
  return new Set(rows.map((row) => Number(row.created_at)))
}

function readMigrations(folder: string): MigrationMeta[] {
  return existsSync(`${folder}/meta/_journal.json`) ? readMigrationFiles({ migrationsFolder: folder }) : []
}
