import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sql } from 'postgres'
import { loadConfig } from '../src/config.ts'
import { openDatabase } from '../src/database.ts'
import { migrate } from '../src/migrate.ts'
import { openServerDatabase } from '../src/open-server-database.ts'

/** A database for one run of a bench. */
export interface BenchDatabase {
  /** Its address; it holds a password. */
  readonly url: string
  /** Which Postgres it is in, for a person. */
  readonly where: string
  readonly sql: Sql
  /** Removes it with all that is in it. */
  remove(): Promise<void>
}

/**
 * Makes an empty, migrated database of its own for a bench: in the Postgres of DATABASE_URL, whose user must be allowed
 * to make one, else in an embedded one that is thrown away.
 */
export async function makeBenchDatabase(env: NodeJS.ProcessEnv): Promise<BenchDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'))
  const server = await openServerDatabase({ ...loadConfig({ DATA_DIR: folder, ...env }), poolSize: 1 })
  const name = `scorekeeper_bench_${process.pid}`
  await server.sql.unsafe(`create database ${name}`)
  const address = new URL(server.url)
  address.pathname = `/${name}`
  const url = address.href
  await migrate(url)
  const database = openDatabase({ url, poolSize: 4, name: 'scorekeeper-bench' })
  const [row] = await database.sql<{ version: string }[]>`select current_setting('server_version') as version`
  const embedded = env['DATABASE_URL'] === undefined
  return {
    url,
    where: `PostgreSQL ${row?.version?.split(' ')[0]}, ${embedded ? 'the embedded one' : server.where}`,
    sql: database.sql,
    async remove() {
      await database.close()
      await server.sql.unsafe(`drop database ${name} with (force)`)
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
