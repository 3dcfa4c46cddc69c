import { resolve } from 'node:path'
import { findPackage, prepareBinaries } from './binaries.ts'
import { openCluster } from './cluster.ts'
import { chooseIdentity, findPlace, systemBases } from './place.ts'
import { type EmbeddedEvent, supervise } from './supervise.ts'

/** The options of {@link startEmbedded}. */
export interface EmbeddedOptions {
  /** The directory for the database, such as `<project>/.data`; made when it is missing. */
  readonly dir: string
  /** Fallback directories, one of which is used when PostgreSQL's user cannot reach `dir` or the programs. */
  readonly bases?: readonly string[]
  /** `false` gives up safety against a crash of the machine for speed, for databases that are thrown away. */
  readonly durable?: boolean
  /** The platform of the PostgreSQL package; this machine's when left out. */
  readonly platform?: string
  /** How often the server is restarted within five minutes before it counts as failed; 10 when left out. */
  readonly maxRestarts?: number
  /** Called when the server stops by itself, when it runs again, and when it cannot be restarted. */
  readonly onEvent?: (event: EmbeddedEvent) => void
}

/** A running embedded database, shared by all processes that started it on the same `dir`. */
export interface Embedded {
  /** Its address with user and password, for a Postgres client. It stays the same when the server is restarted. */
  readonly url: string
  /**
   * The same over its Unix socket, on which a statement takes less processor time, for {@link openDatabase}; undefined where
   * there is none: on Windows, below a very long path, on a file system without sockets.
   */
  readonly socketUrl: string | undefined
  /** The directory that holds its data, its log and its password. */
  readonly where: string
  /** Releases the database; the last process to release it stops the server. Close all other connections first. */
  stop(): Promise<void>
}

/**
 * Starts the embedded PostgreSQL of a directory, or finds the one that already runs there. When the server stops by itself
 * (it was killed, the disk is full) it is restarted with back-off until `stop`.
 *
 * @throws EmbeddedUnavailable (code `embedded_unavailable`) when no embedded PostgreSQL runs on this platform.
 * @throws Error with the reason from its log when it does not start; one that names `DATA_DIR` when its directory cannot
 * be used.
 *
 * @example
 * const embedded = await startEmbedded({ dir: '.data' })
 * const database = openDatabase({ url: embedded.url, poolSize: 10 })
 * // …
 * await database.close()
 * await embedded.stop()
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { bases = systemBases, durable = true, platform = `${process.platform}-${process.arch}` } = options
  const { maxRestarts = 10, onEvent = () => {} } = options
  // Absolute, because PostgreSQL's programs run in another working directory.
  const dir = resolve(options.dir)
  const identity = await chooseIdentity(dir)
  const binaries = await prepareBinaries(findPackage(platform), identity, bases)
  const where = await findPlace(dir, identity, bases)
  const cluster = await openCluster(where, binaries, identity, durable)
  const { url, socketUrl, stop } = await supervise({ cluster, binaries, identity }, maxRestarts, onEvent)
  return { url, socketUrl, where, stop }
}
