import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Sql } from 'postgres'
import { type Database, openDatabase } from '../src/postgres/database.ts'
import { migrate } from '../src/postgres/migrate.ts'
import { openServerDatabase } from '../src/postgres/open-database.ts'
import { loadConfig } from '../src/server/config.ts'

/** A database for one run of a bench. */
export interface BenchDatabase extends Database {
  /** Its address; it holds a password. */
  readonly url: string
}

/** The Postgres that a bench uses. */
export interface BenchPostgres {
  /** Which it is, for a person. */
  readonly where: string
  /** Makes an empty, migrated database. */
  makeDatabase(): Promise<BenchDatabase>
  /** Removes the databases that were made; what else is connected to them is thrown out. */
  close(): Promise<void>
}

/** Opens the Postgres of DATABASE_URL, whose user must be allowed to make databases, else an embedded one for once. */
export async function openBenchPostgres(env: NodeJS.ProcessEnv): Promise<BenchPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'))
  const open = () => openServerDatabase({ ...loadConfig({ DATA_DIR: folder, ...env }), poolSize: 1 })
  const embedded = env['DATABASE_URL'] === undefined
  if (embedded) {
    const first = await open()
    await prepareForMillions(first.sql)
    // The last to let go stops it.
    await first.close()
  }
  const server = await open()
  const [row] = await server.sql<{ version: string }[]>`select current_setting('server_version') as version`
  const made: { readonly name: string; readonly database: Database }[] = []
  return {
    where: `PostgreSQL ${row?.version.split(' ')[0]}, ${embedded ? 'the embedded one, set as a large database is' : server.where}`,
    async makeDatabase() {
      const name = `scorekeeper_bench_${process.pid}_${made.length}`
      await server.sql.unsafe(`create database ${name}`)
      const address = new URL(server.url)
      address.pathname = `/${name}`
      await migrate(address.href)
      const database = openDatabase({ url: address.href, poolSize: 4, name: 'scorekeeper-bench' })
      made.push({ name, database })
      return { ...database, url: address.href }
    },
    async close() {
      for (const { name, database } of made) {
        await database.close()
        await server.sql.unsafe(`drop database ${name} with (force)`)
      }
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The settings that a large database is commonly given, from its next start on: see docs/performance.md. */
async function prepareForMillions(sql: Sql): Promise<void> {
  const megabytes = Math.floor(Math.min(totalmem() / 4, 4 * 2 ** 30) / 2 ** 20)
  await sql.unsafe(`alter system set shared_buffers = '${megabytes}MB'`)
  await sql`alter system set max_wal_size = '8GB'`
  await sql`alter system set checkpoint_timeout = '15min'`
  await sql`alter system set wal_compression = 'lz4'`.catch(() => sql`alter system set wal_compression = 'on'`)
}
