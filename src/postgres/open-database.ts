import { serverOf } from './address.ts'
import { type Database, openDatabase, type Silence } from './database.ts'
import { startEmbedded } from './embedded/embedded.ts'
import type { EmbeddedEvent } from './embedded/supervise.ts'
import { migrate, migrationFolders } from './migrate.ts'
import { prepareRolloutTables, type RolloutTable } from './roles.ts'
import type { TakeoverProgress } from './takeover.ts'

/** The database of a process, with its address. */
export interface ServerDatabase extends Database {
  /** Its address, for another connection; it contains a password. */
  readonly url: string
  /** A description of where it is, without a password. */
  readonly where: string
  /** The tables of which each rollout has rows of its own, each before those that it refers to. */
  readonly rolloutTables: readonly RolloutTable[]
}

/** The options of {@link openServerDatabase}; `Config` has most of them. */
export interface ServerDatabaseOptions {
  /** The Postgres to use; `undefined` for the embedded one. */
  readonly databaseUrl: string | undefined
  /** Where the embedded database is kept. */
  readonly dataDir: string
  /** The most connections for tools and graders; the ledger opens up to four more. */
  readonly poolSize: number
  /** `false` behind a pooler in transaction mode. */
  readonly prepare: boolean
  /** How long a statement may go unanswered; no limit when left out. */
  readonly silence?: Silence
  /** Called when the embedded database stops by itself, runs again, or cannot be restarted. */
  readonly onEmbeddedEvent?: (event: EmbeddedEvent) => void
  /** Called while an older ledger's rows are taken over; see {@link migrate}. */
  readonly onTakeover?: (progress: TakeoverProgress) => void
  /** `false` applies no migrations, for a program that only reads; `true` when left out. */
  readonly migrates?: boolean
}

/**
 * Opens the database at `databaseUrl`, or starts the embedded one, and applies all migrations. `close` also stops the
 * embedded server, if no other process uses it.
 *
 * @throws EmbeddedUnavailable when no embedded database is available on this platform.
 * @throws Error that names the database and the reason when it cannot be used.
 */
export async function openServerDatabase(options: ServerDatabaseOptions): Promise<ServerDatabase> {
  const { databaseUrl, dataDir, poolSize, prepare, silence, migrates = true, onEmbeddedEvent, onTakeover } = options
  const embedded =
    databaseUrl === undefined
      ? await startEmbedded({ dir: dataDir, ...(onEmbeddedEvent && { onEvent: onEmbeddedEvent }) })
      : undefined
  const url = embedded?.socketUrl ?? embedded?.url ?? databaseUrl ?? ''
  const where =
    embedded === undefined ? `the Postgres at ${serverOf(url)}` : `the embedded Postgres in ${embedded.where}`
  let rolloutTables: readonly RolloutTable[] = []
  try {
    if (migrates) await migrate(url, migrationFolders, { onTakeover })
    if (migrates) rolloutTables = await prepareRolloutTables(url)
  } catch (cause) {
    await embedded?.stop()
    const named = embedded === undefined ? `${where}, which DATABASE_URL names` : where
    throw new Error(`cannot use ${named}: ${reasonOf(cause)}`, { cause })
  }
  const database = openDatabase({ url, poolSize, prepare, ...(silence && { silence }) })
  return {
    ...database,
    url,
    where,
    rolloutTables,
    async close() {
      await database.close()
      await embedded?.stop()
    },
  }
}

/** A host with several addresses fails with one error for each address, and an empty message. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ')
  return cause instanceof Error ? cause.message : String(cause)
}
