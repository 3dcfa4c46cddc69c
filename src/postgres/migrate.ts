import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator'
import type { ISql, Sql, TransactionSql } from 'postgres'
import { driverAddress } from './address.ts'
import { sqlStateOf } from './database.ts'
import { postgres } from './driver.ts'
import { dropEmptyTables, needsTakeover, refuseDependents, type TakeoverProgress, takeOver } from './takeover.ts'

/** The folders of generated SQL, one for each of the two migration chains. A folder that does not exist has no migrations. */
export interface MigrationFolders {
  /** The ledger's tables. Their journal is `drizzle.__scorekeeper_migrations`. */
  readonly ledger: string
  /** The tables of the environment, in `schema/`. Their journal is drizzle's usual one, `drizzle.__drizzle_migrations`. */
  readonly environment: string
}

const folderAt = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The folders of this repository; they have the same place in the sources and in the build. */
export const migrationFolders: MigrationFolders = {
  ledger: folderAt('../ledger/migrations'),
  environment: folderAt('../../schema/migrations'),
}

const ledgerJournal = 'drizzle.__scorekeeper_migrations'
const environmentJournal = 'drizzle.__drizzle_migrations'
const migrationLock = 7_720_332

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** Called after each step of the takeover of a ledger from before runs and attempts. */
  readonly onTakeover?: ((progress: TakeoverProgress) => void) | undefined
}

/**
 * Applies all migrations that the database does not have yet, the ledger's first, each chain in order, and all or none.
 * Any number of processes may call this at once: one does the work and the others wait for it. Then the rows of a ledger
 * from before runs and attempts are taken over, which may take minutes, and resumes where a process that died left it.
 *
 * A database from before the two chains has the ledger's migrations in the environment's journal; they are copied to the
 * ledger's own and stay where they are, so that replicas of the previous version remain ready during a rolling update.
 *
 * @throws Error with Postgres's own message when a migration fails; the database is then as it was before.
 * @throws Error that lists what was found when the database has migrations of another environment, or when something of a
 * user's depends on tables of the ledger that are replaced.
 */
export async function migrate(
  url: string,
  folders: MigrationFolders = migrationFolders,
  { onTakeover }: MigrateOptions = {},
): Promise<void> {
  const { ledger, environment } = readChains(folders)
  const address = driverAddress(url)
  const settings = { max: 1, prepare: false, fetch_types: false, connect_timeout: 10, onnotice() {} }
  const sql = postgres(address.url, { ...settings, ...address.options })
  try {
    // One transaction for the lock and the work: a lock of the session would be lost behind a pooler, and a second
    // connection might never get its turn behind the replicas that wait for the lock.
    await inTransaction(sql, async (tx) => {
      await tx`select pg_advisory_xact_lock(${migrationLock})`
      await tx`set local statement_timeout = 0`
      await tx`create schema if not exists drizzle`
      for (const journal of [ledgerJournal, environmentJournal]) {
        await tx`create table if not exists ${tx(journal)} (id serial primary key, hash text not null, created_at bigint)`
      }
      await adoptLedger(tx, timesOf(ledger))
      refuseOtherChain(await appliedTimes(tx, environmentJournal), timesOf(environment), timesOf(ledger))
      await refuseDependents(tx)
      await apply(tx, ledgerJournal, ledger)
      await dropEmptyTables(tx)
      await apply(tx, environmentJournal, environment)
    })
    await takeOver({ sql, lock: migrationLock, onProgress: onTakeover })
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/**
 * Whether every migration of both chains has been applied and no rows of an older ledger wait to be taken over; `false` for
 * a database that has never been migrated.
 *
 * @throws what the query throws when the database is unavailable.
 */
export async function isMigrated(sql: Sql, folders: MigrationFolders = migrationFolders): Promise<boolean> {
  const { ledger, environment } = readChains(folders)
  if (!(await hasAll(sql, ledgerJournal, ledger)) || !(await hasAll(sql, environmentJournal, environment))) return false
  return !(await needsTakeover(sql))
}

/** Runs a transaction, again after a deadlock with a replica of an older version, which locks the same tables in another order. */
async function inTransaction(sql: Sql, work: (tx: TransactionSql) => Promise<void>): Promise<void> {
  for (let turn = 1; ; turn += 1) {
    try {
      // After waiting for the lock, it has to see what others have written meanwhile.
      await sql.begin('isolation level read committed', work)
      return
    } catch (error) {
      if (turn === 5 || sqlStateOf(error) !== '40P01') throw error
    }
  }
}

async function hasAll(sql: Sql, journal: string, migrations: readonly MigrationMeta[]): Promise<boolean> {
  if (migrations.length === 0) return true
  const [table] = await sql<{ exists: boolean }[]>`select to_regclass(${journal}) is not null as exists`
  if (!table?.exists) return false
  const applied = await appliedTimes(sql, journal)
  return migrations.every(({ folderMillis }) => applied.has(folderMillis))
}

async function apply(tx: ISql, journal: string, migrations: readonly MigrationMeta[]): Promise<void> {
  const applied = await appliedTimes(tx, journal)
  for (const migration of migrations.filter(({ folderMillis }) => !applied.has(folderMillis))) {
    for (const statement of migration.sql) await tx.unsafe(statement)
    await tx`insert into ${tx(journal)} (hash, created_at) values (${migration.hash}, ${migration.folderMillis})`
  }
}

async function adoptLedger(tx: ISql, ledger: readonly number[]): Promise<void> {
  await tx`
    insert into ${tx(ledgerJournal)} (hash, created_at)
    select hash, created_at from ${tx(environmentJournal)} as old
    where created_at = any(string_to_array(${ledger.join()}, ',')::bigint[])
      and not exists (select from ${tx(ledgerJournal)} as own where own.created_at = old.created_at)
    order by id`
}

/**
 * Refuses a database with migrations that `environment` does not have. Later ones on top of the whole chain are those of
 * a newer version of the same repository, which an older replica may run alongside.
 */
function refuseOtherChain(
  applied: ReadonlySet<number>,
  environment: readonly number[],
  ledger: readonly number[],
): void {
  const unknown = [...applied].filter((time) => !environment.includes(time) && !ledger.includes(time))
  const latest = environment.at(-1)
  const isComplete = latest !== undefined && environment.every((time) => applied.has(time))
  if (unknown.length === 0 || (isComplete && unknown.every((time) => time > latest))) return
  const entries = unknown.map((time) => `${time} (${new Date(time).toISOString().slice(0, 16)}Z)`)
  throw new Error(
    `the database belongs to another environment: its journal ${environmentJournal} has ${unknown.length} ` +
      `${unknown.length === 1 ? 'migration' : 'migrations'} that schema/migrations does not have, with created_at ` +
      `${entries.join(', ')}. Use another database: another DATABASE_URL, or another DATA_DIR for the embedded one. To ` +
      'keep the rollouts that are recorded in this one, drop the tables that these migrations made and run: ' +
      `delete from ${environmentJournal} where created_at in (${unknown.join(', ')})`,
  )
}

async function appliedTimes(sql: ISql, journal: string): Promise<Set<number>> {
  const rows = await sql<{ created_at: string }[]>`select created_at from ${sql(journal)}`
  return new Set(rows.map((row) => Number(row.created_at)))
}

const timesOf = (migrations: readonly MigrationMeta[]): number[] => migrations.map(({ folderMillis }) => folderMillis)

/** A repository that was begun before the two chains may still have the ledger's migrations in its own folder. */
function readChains(folders: MigrationFolders): { ledger: MigrationMeta[]; environment: MigrationMeta[] } {
  const ledger = readMigrations(folders.ledger)
  const known = new Set(timesOf(ledger))
  return {
    ledger,
    environment: readMigrations(folders.environment).filter(({ folderMillis }) => !known.has(folderMillis)),
  }
}

function readMigrations(folder: string): MigrationMeta[] {
  return existsSync(`${folder}/meta/_journal.json`) ? readMigrationFiles({ migrationsFolder: folder }) : []
}
