import { type Placeholder, sql } from 'drizzle-orm'
import { drizzle, PostgresJsSession } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'
import { z } from 'zod'
import type { Db } from './environment.ts'

/** The placeholders of a prepared statement, by the names of its values; drizzle takes them in place of values. */
export type Placeholders<Values> = { readonly [Name in keyof Values]: Placeholder<string, Values[Name]> }

/** A query of drizzle's query builder that can be prepared. */
interface Preparable<Rows> {
  prepare(name: string): { execute(values?: Record<string, unknown>): Promise<Rows> }
}

/**
 * Prepares a query: drizzle builds its text once, and Postgres parses it once for each connection. Works with every `db` that
 * a tool, a grader or a hook gets; in a transaction, and behind a pooler that refuses prepared statements, Postgres parses it
 * each time.
 *
 * @param build builds the query with placeholders; called once for each database client
 *
 * @example
 * const orderOf = prepared((db, { id }: Placeholders<{ id: string }>) => db.select().from(orders).where(eq(orders.id, id)))
 * const [order] = await orderOf(db, { id: input.id })
 */
export function prepared<Values extends Record<string, unknown>, Rows>(
  build: (db: Db, values: Placeholders<Values>) => Preparable<Rows>,
): (db: Db, values: Values) => Promise<Rows> {
  const placeholders = z
    .custom<Placeholders<Values>>()
    .parse(new Proxy({}, { get: (_, name) => (typeof name === 'string' ? sql.placeholder(name) : undefined) }))
  const statements = new WeakMap<object, ReturnType<Preparable<Rows>['prepare']>>()
  return (db, values) => {
    const client = clientOf(db)
    let statement = statements.get(client)
    if (statement === undefined) {
      statement = build('options' in client ? drizzle(preparing(client)) : db, placeholders).prepare('')
      statements.set(client, statement)
    }
    return statement.execute(values)
  }
}

/** The most keys that {@link batched} reads at once. */
const mostKeys = 500

/**
 * Makes a reader by key that collects the reads of one turn of the event loop and reads each of their keys once, together.
 * Reads through different clients are kept apart, so that a rollout never gets the rows of another one; a tool with
 * `rows: false` shares its reads with all other calls.
 *
 * @param read reads distinct keys; a key that it leaves out has no value. If it throws, all of these reads throw that error.
 *
 * @example
 * const userOf = batched(async (db, ids: readonly string[]) => {
 *   const found = await db.select().from(users).where(inArray(users.id, [...ids]))
 *   return new Map(found.map((user) => [user.id, user]))
 * })
 * const user = await userOf(db, input.id)
 */
export function batched<Key, Value>(
  read: (db: Db, keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
): (db: Db, key: Key) => Promise<Value | undefined> {
  interface Batch {
    readonly keys: Set<Key>
    readonly values: Promise<ReadonlyMap<Key, Value>>
  }
  const batches = new WeakMap<object, Batch>()
  const open = (db: Db, client: object): Batch => {
    const keys = new Set<Key>()
    const turn = new Promise<void>((resolve) => void setImmediate(resolve))
    const values = turn.then(() => {
      if (batches.get(client)?.keys === keys) batches.delete(client)
      return read(db, [...keys])
    })
    const batch = { keys, values }
    batches.set(client, batch)
    return batch
  }
  return async (db, key) => {
    const client = clientOf(db)
    const collecting = batches.get(client)
    const batch = collecting !== undefined && collecting.keys.size < mostKeys ? collecting : open(db, client)
    batch.keys.add(key)
    return (await batch.values).get(key)
  }
}

/**
 * Makes something once for each database, such as a copy of a table that all rollouts read. Every `db` of one database gets
 * the same, also those that are limited to the rows of a rollout: keep no rows of rollouts in it.
 */
export function perDatabase<Value>(make: () => Value): (db: Db) => Value {
  const made = new WeakMap<object, { readonly value: Value }>()
  return (db) => {
    const client = clientOf(db)
    // The clients that are limited to a rollout share the options of the one beneath; a transaction has none.
    const key = 'options' in client ? client.options : client
    const found = made.get(key) ?? { value: make() }
    made.set(key, found)
    return found.value
  }
}

function clientOf(db: Db): Sql | TransactionSql {
  const { session } = db._
  if (session instanceof PostgresJsSession) return session.client
  throw new TypeError('the database does not belong to postgres.js')
}

/** The client with statements that Postgres keeps prepared, if the client may. */
function preparing(client: Sql): Sql {
  const unsafe = (...[text, values]: Parameters<Sql['unsafe']>) => client.unsafe(text, values, { prepare: true })
  return new Proxy(client, { get: (target, key) => (key === 'unsafe' ? unsafe : Reflect.get(target, key)) })
}
