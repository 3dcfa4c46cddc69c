import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { isAlive } from '../../src/postgres/embedded/cluster.ts'
import { startEmbedded } from '../../src/postgres/embedded/embedded.ts'
import { systemBases } from '../../src/postgres/embedded/place.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { makeFolder, removeFolder, sweepFolders } from './temporary.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The server that the tests run on, and the name of its migrated, unused database. */
    testServer: { url: string; template: string }
  }
}

const prefix = `sk_test_${createHash('sha256').update(hostname()).digest('hex').slice(0, 6)}_`

/** Prepares the server for all test files: that of TEST_DATABASE_URL, or a temporary embedded one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await sweepFolders()
  const { TEST_DATABASE_URL } = process.env
  const server = await startServer(TEST_DATABASE_URL)
  const sql = postgres(server.url, { max: 1, onnotice() {} })
  const template = `${prefix}${process.pid}`
  try {
    await dropWhere(sql, (pid) => pid === process.pid || !isAlive(pid))
    await sql`create database ${sql(template)}`
    await migrate(withDatabase(server.url, template))
  } catch (error) {
    await sql.end()
    await server.stop()
    throw error
  }
  project.provide('testServer', { url: server.url, template })
  return async () => {
    await dropWhere(sql, (pid) => pid === process.pid)
    await sql.end()
    await server.stop()
  }
}

async function startServer(url: string | undefined): Promise<{ url: string; stop(): Promise<void> }> {
  if (url) return { url, async stop() {} }
  const folder = makeFolder()
  const bases = [join(folder, 'own'), ...systemBases]
  const embedded = await startEmbedded({ dir: join(folder, 'data'), bases, durable: false })
  return {
    url: embedded.url,
    async stop() {
      await embedded.stop()
      await removeFolder(folder)
    },
  }
}

/** Drops this machine's test databases for which `unwanted` accepts the process id in their name. */
async function dropWhere(sql: postgres.Sql, unwanted: (pid: number) => boolean): Promise<void> {
  const found = await sql<
    { name: string }[]
  >`select datname as name from pg_database where starts_with(datname, ${prefix})`
  for (const { name } of found) {
    if (unwanted(Number.parseInt(name.slice(prefix.length), 10))) {
      await sql`drop database if exists ${sql(name)} with (force)`
    }
  }
}

/** The address of another database on the same server. */
export function withDatabase(url: string, name: string): string {
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}
