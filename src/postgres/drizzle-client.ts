import { drizzle, type PostgresJsDatabase, PostgresJsSession } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'

/**
 * The client of a drizzle database.
 *
 * @throws TypeError for a transaction, and for another driver.
 */
export function clientOf(db: PostgresJsDatabase): Sql {
  const { session } = db._
  if (session instanceof PostgresJsSession && 'begin' in session.client) return session.client
  throw new TypeError('the database does not belong to postgres.js')
}

/** The client with some of its methods replaced. */
export function replacing<Client extends object>(client: Client, methods: Readonly<Record<string, unknown>>): Client {
  return new Proxy(client, {
    get: (target, key) =>
      typeof key === 'string' && Object.hasOwn(methods, key) ? methods[key] : Reflect.get(target, key),
  })
}

/**
 * The same database with transactions, `read committed`, whose first statements are sent together with their `begin`: one
 * round trip less. Those must change nothing, because they are executed outside of a transaction if the `begin` fails; what
 * is sent after their answers is then rejected.
 */
export function beginningEarly(db: PostgresJsDatabase): PostgresJsDatabase {
  const client = clientOf(db)
  type Work = (tx: TransactionSql) => Promise<unknown>
  return drizzle(
    replacing(client, { begin: (work: Work) => client.begin('early isolation level read committed', work) }),
  )
}
