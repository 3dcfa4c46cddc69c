import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { Sql } from 'postgres'
import { serverOf } from '../src/postgres/address.ts'
import { type Database, openDatabase } from '../src/postgres/database.ts'
import { startEmbedded } from '../src/postgres/embedded/embedded.ts'
import { systemBases } from '../src/postgres/embedded/place.ts'
import { migrate } from '../src/postgres/migrate.ts'
import { type Cleanup, makeScratchFolder } from './cleanup.ts'

/** A database for one run of a bench. */
export interface BenchDatabase extends Database {
  /** Its address; it holds a password. The embedded database is reached over a Unix socket where the system has one. */
  readonly url: string
  /** The same over TCP. */
  readonly tcpUrl: string
}

/** The Postgres that a bench uses. */
export interface BenchPostgres {
  /** Which one it is, for a person. */
  readonly where: string
  /** Makes an empty database, with the ledger's tables unless `migrated` is false. */
  makeDatabase(options?: { readonly migrated?: boolean }): Promise<BenchDatabase>
}

/**
 * Opens the Postgres of DATABASE_URL, whose user must be allowed to create databases, else an embedded one of its own. Both
 * lose what was made in them at the cleanup; other connections to it are closed.
 */
export async function openBenchPostgres(env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<BenchPostgres> {
  const given = env['DATABASE_URL'] === '' ? undefined : env['DATABASE_URL']
  const { url, tcpUrl } = given === undefined ? await startScratchPostgres(cleanup) : { url: given, tcpUrl: given }
  const server = openDatabase({ url, poolSize: 1, name: 'scorekeeper-bench' })
  cleanup.add(() => server.close())
  const [row] = await server.sql<{ version: string }[]>`select current_setting('server_version') as version`
  const place = given === undefined ? 'embedded, configured as a large database' : `at ${serverOf(given)}`
  let made = 0
  return {
    where: `PostgreSQL ${row?.version.split(' ')[0]}, ${place}`,
    async makeDatabase({ migrated = true } = {}) {
      const name = `scorekeeper_bench_${process.pid}_${made}`
      made += 1
      await server.sql.unsafe(`create database ${name}`)
      cleanup.add(async () => {
        await server.sql.unsafe(`drop database if exists ${name} with (force)`)
      })
      const address = addressOf(url, name)
      if (migrated) await migrate(address)
      const database = openDatabase({ url: address, poolSize: 4, name: 'scorekeeper-bench' })
      cleanup.add(() => database.close())
      return { ...database, url: address, tcpUrl: addressOf(tcpUrl, name) }
    },
  }
}

function addressOf(server: string, database: string): string {
  const address = new URL(server)
  address.pathname = `/${database}`
  return address.href
}

async function startScratchPostgres(cleanup: Cleanup): Promise<Pick<BenchDatabase, 'url' | 'tcpUrl'>> {
  const folder = makeScratchFolder(cleanup)
  const options = { dir: join(folder, 'data'), bases: [join(folder, 'own'), ...systemBases] }
  const start = () => cleanup.start(startEmbedded(options), (embedded) => embedded.stop())
  const first = await start()
  const database = openDatabase({ url: first.url, poolSize: 1 })
  await configureForMillions(database.sql)
  await database.close()
  // The settings take effect when the server starts again; it stops when nobody holds it.
  await first.stop()
  const { url, socketUrl = url } = await start()
  return { url: socketUrl, tcpUrl: url }
}

/** The settings that a large database is usually given: see docs/performance.md. */
async function configureForMillions(sql: Sql): Promise<void> {
  const megabytes = Math.floor(Math.min(totalmem() / 4, 4 * 2 ** 30) / 2 ** 20)
  await sql.unsafe(`alter system set shared_buffers = '${megabytes}MB'`)
  await sql`alter system set max_wal_size = '8GB'`
  await sql`alter system set checkpoint_timeout = '15min'`
  await sql`alter system set wal_compression = 'lz4'`.catch(() => sql`alter system set wal_compression = 'on'`)
}
