import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'postgres'
import { postgres } from '../driver.ts'
import { type Binaries, findPackage, prepareBinaries } from './binaries.ts'
import { type Cluster, openCluster, userName } from './cluster.ts'
import { chooseIdentity, findPlace, systemBases } from './place.ts'
import { findPostmaster, startPostmaster, stopPostmaster } from './postmaster.ts'
import type { Identity } from './run.ts'

/** What `startEmbedded` may be told. */
export interface EmbeddedOptions {
  /** The directory to keep the database in, `<project>/.data` for instance; made when it is missing. */
  dir: string
  /** Directories of which one is used when PostgreSQL's user cannot reach `dir` or the programs. */
  bases?: readonly string[]
  /** `false` gives up safety against a crash of the machine for speed: for databases that are thrown away. */
  durable?: boolean
  /** The platform to find PostgreSQL for; this machine's when left out. */
  platform?: string
}

/** A running embedded database, shared by all processes that started it on the same `dir`. */
export interface Embedded {
  /** Its address with user and password, for a Postgres client. */
  url: string
  /** The directory that holds its data, its log and its password. */
  where: string
  /** Lets go of the database; the last process to let go stops the server. Close all other connections first. */
  stop(): Promise<void>
}

// An advisory lock that every process holds, shared, from start to stop: who gets it alone is the last one out.
const holdersLock = 7_720_331
const patience = 120_000

/**
 * Starts the embedded PostgreSQL of a directory, or finds the one that already runs there.
 *
 * @throws EmbeddedUnavailable (code `embedded_unavailable`) when this platform has none that runs.
 * @throws Error with the last lines of its log when it does not start; one that names `DATA_DIR` when its directory cannot
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
  // PostgreSQL's programs run elsewhere.
  const dir = resolve(options.dir)
  const identity = await chooseIdentity(dir)
  const binaries = await prepareBinaries(findPackage(platform), identity, bases)
  const where = await findPlace(dir, identity, bases)
  const cluster = await openCluster(where, binaries, identity, durable)
  const { url, hold } = await join(cluster, binaries, identity)
  return {
    url,
    where,
    async stop() {
      try {
        await hold`select pg_advisory_unlock_shared(${holdersLock})`
        const [answer] = await hold<{ alone: boolean }[]>`select pg_try_advisory_lock(${holdersLock}) as alone`
        // Those who arrive now wait for the lock that we hold, are cut off by the stop, and start the server again.
        if (answer?.alone) await stopPostmaster(cluster.data, binaries, identity)
      } catch (error) {
        if (findPostmaster(cluster.data)) throw error
      } finally {
        await hold.end({ timeout: 1 })
      }
    },
  }
}

/** Finds or starts the server and takes a share in it, as often as others come in between. */
async function join(
  cluster: Cluster,
  binaries: Binaries,
  identity: Identity | undefined,
): Promise<{ url: string; hold: Sql }> {
  const deadline = Date.now() + patience
  let problem: unknown = 'it did not become ready'
  let failures = 0
  while (Date.now() < deadline && failures < 5) {
    const running = findPostmaster(cluster.data)
    if (running === undefined) {
      const start = await startPostmaster(cluster, binaries, identity)
      if (!start.started) problem = start.problem
      if (!start.started && findPostmaster(cluster.data) === undefined) failures += 1
    } else if (running.status === 'ready') {
      const url = `postgres://${userName}:${cluster.password}@127.0.0.1:${running.port}/postgres`
      const hold = await takeHold(url).catch((error: unknown) => {
        problem = error
      })
      if (hold) return { url, hold }
      await sleep(50)
    } else await sleep(20)
  }
  throw new Error(`The embedded PostgreSQL in ${cluster.data} did not start: ${problem}`)
}

async function takeHold(url: string): Promise<Sql> {
  // One connection for as long as the process lives: a new one would not have the lock.
  const hold = postgres(url, { max: 1, max_lifetime: null, connect_timeout: 5, onnotice() {}, fetch_types: false })
  try {
    await hold`select pg_advisory_lock_shared(${holdersLock})`
    return hold
  } catch (error) {
    await hold.end({ timeout: 0 })
    throw error
  }
}
