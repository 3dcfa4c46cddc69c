import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { afterAll, beforeAll, inject } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { type Database, openDatabase } from '../../src/postgres/database.ts'
import { withDatabase } from './global-database.ts'

/** A database that a test makes and drops itself. */
export interface TestDatabase {
  readonly url: string
  /** Drops it and closes all connections to it. */
  drop(): Promise<void>
}

/** Makes a database, migrated and empty; with `migrated: false` one without tables. Most tests want {@link useDatabase}. */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const { name, url } = newDatabase()
  await create(name, migrated)
  return { url, drop: () => drop(name) }
}

/** The database of a test file, and a client of it. */
export interface UsedDatabase extends Database {
  readonly url: string
  /** Another client of it, as a second replica has one; closed with the first. */
  another(poolSize?: number): Database
}

/**
 * Gives a test file, or a `describe`, a database of its own: it exists from the first hook on, and is dropped after the
 * last one. Call it where hooks are registered.
 *
 * @example const database = useDatabase()
 */
export function useDatabase({ migrated = true, poolSize = 10 } = {}): UsedDatabase {
  const { name, url } = newDatabase()
  const clients: Database[] = []
  const another = (most = poolSize) => {
    const client = openDatabase({ url, poolSize: most })
    clients.push(client)
    return client
  }
  beforeAll(() => create(name, migrated))
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await drop(name)
  })
  return { ...another(), url, another }
}

function newDatabase(): { readonly name: string; readonly url: string } {
  const { url, template } = inject('testServer')
  const name = `${template}_${process.pid}_${randomBytes(4).toString('hex')}`
  return { name, url: withDatabase(url, name) }
}

function create(name: string, migrated: boolean): Promise<void> {
  const { url, template } = inject('testServer')
  return onServer(url, (sql) => sql`create database ${sql(name)} template ${sql(migrated ? template : 'template1')}`)
}

function drop(name: string): Promise<void> {
  return onServer(inject('testServer').url, (sql) => sql`drop database if exists ${sql(name)} with (force)`)
}

async function onServer(url: string, work: (sql: postgres.Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice() {} })
  try {
    await work(sql)
  } finally {
    await sql.end()
  }
}

/** Makes rollouts, by a pattern of their ids, eight days old, with their calls and gradings; they are due then. */
export async function makeOld({ sql }: Pick<Database, 'sql'>, ids: string): Promise<void> {
  await sql`
    update rollouts set created_at = created_at - interval '8 days', due_at = due_at - interval '8 days' where id like ${ids}`
  await sql`
    update tool_calls set started_at = started_at - interval '8 days', finished_at = finished_at - interval '8 days'
    where rollout in (select number from rollouts where id like ${ids})`
  await sql`update grades set created_at = created_at - interval '8 days' where rollout in (select number from rollouts where id like ${ids})`
}

/** Ends the rollouts that are due, and deletes those that began more than so many days ago. */
export async function retire(ledger: Ledger, days: number, batch?: number) {
  await ledger.endAttempts('due', { read: 10_000, most: 10_000, leaseSeconds: undefined })
  return await ledger.deleteRollouts(days, batch)
}
