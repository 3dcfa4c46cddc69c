import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'
import { clientOf, replacing } from './drizzle-client.ts'
import { type RolloutTable, rowsRole } from './roles.ts'

/** Limits statements to the rows that one rollout has in the rollout tables. */
export interface RowScope {
  /**
   * The database for one attempt: each statement, and each transaction, runs as {@link rowsRole} with the attempt's number.
   * `first` is a statement that each begins with, with the rights of the connection's user: what throws in it throws there.
   */
  of(number: number, first?: string): PostgresJsDatabase
  /** The database without a rollout: a statement that names a rollout table throws. */
  readonly outside: PostgresJsDatabase
  /** Limits the rest of a transaction to one attempt. Sent without waiting: what follows fails if it fails. */
  enter(tx: Sql | TransactionSql, number: number): Promise<unknown>
  /** Ends that: what follows in the transaction has the rights of the connection's user again. */
  leave(tx: Sql | TransactionSql): Promise<unknown>
}

/** Creates the scope of a database's rollout tables; undefined if it has none. */
export function createRowScope(db: PostgresJsDatabase, tables: readonly RolloutTable[]): RowScope | undefined {
  if (tables.length === 0) return undefined
  const client = clientOf(db)
  const enter = (tx: Sql | TransactionSql, number: number, first?: string) =>
    sent(tx.unsafe(first === undefined ? scopeText(number) : `${first}; ${scopeText(number)}`))
  return {
    of: (number, first) => drizzle(scoped(client, (tx) => enter(tx, number, first))),
    outside: drizzle(refusing(client, tables)),
    enter: (tx, number) => enter(tx, number),
    leave: (tx) => sent(tx.unsafe('reset role')),
  }
}

// Not `set_config`: after a query Postgres refuses to set a transaction's isolation. One message without parameters.
const scopeText = (number: number) => `set local role ${rowsRole}; set local scorekeeper.rollout = '${number}'`

/** Sends a query now. Its failure fails the transaction, and so what awaits the transaction. */
function sent(query: Promise<unknown> & { execute(): unknown }): Promise<unknown> {
  query.execute()
  query.catch(() => undefined)
  return query
}

/** A client whose statements and transactions begin with `enter`. */
function scoped(client: Sql, enter: (tx: TransactionSql) => Promise<unknown>): Sql {
  type Work = (tx: TransactionSql) => unknown
  const unsafe = (...given: Parameters<TransactionSql['unsafe']>) => {
    const run = async (asValues: boolean): Promise<unknown> => {
      const { entered, answer } = await client.begin(async (tx) => {
        const entered = enter(tx)
        const query = tx.unsafe(...given)
        const answer = asValues ? query.values().execute() : query.execute()
        // The commit is sent behind it without waiting for its answer: if it fails, Postgres commits nothing.
        answer.catch(() => undefined)
        return { entered, answer }
      })
      // If it failed, this is why the statement did.
      await entered
      return await answer
    }
    return lazily(run)
  }
  const begin = (...given: [Work] | [string, Work]) => {
    const entering = (work: Work) => (tx: TransactionSql) => {
      enter(tx)
      return work(tx)
    }
    return given.length === 1 ? client.begin(entering(given[0])) : client.begin(given[0], entering(given[1]))
  }
  return replacing(client, { unsafe, begin })
}

/** A client that refuses statements that name a rollout table. */
function refusing<Client extends Sql | TransactionSql>(client: Client, tables: readonly RolloutTable[]): Client {
  const names = tables.map(({ name }) => name.slice(name.indexOf('.') + 1).replace(/[^\w]/g, '\\$&'))
  const named = new RegExp(
    `\\b(?:from|join|into|update|only|table|using)\\s+(?:"?\\w+"?\\.)?"?(${names.join('|')})"?(?!\\w)`,
    'i',
  )
  const guard = <One extends Sql | TransactionSql>(one: One): One =>
    replacing(one, {
      unsafe(...given: Parameters<TransactionSql['unsafe']>) {
        const [, table] = named.exec(given[0]) ?? []
        if (table === undefined) return one.unsafe(...given)
        throw new Error(`the rollout table "${table}" cannot be used by a tool with rows: false`)
      },
      begin: (...given: readonly unknown[]) => applied(one, 'begin', guarded(given)),
      savepoint: (...given: readonly unknown[]) => applied(one, 'savepoint', guarded(given)),
    })
  const guarded = (given: readonly unknown[]) =>
    given.map((each) =>
      typeof each === 'function' ? (tx: TransactionSql) => Reflect.apply(each, undefined, [guard(tx)]) : each,
    )
  return guard(client)
}

function applied(client: object, name: string, given: readonly unknown[]): unknown {
  const method: unknown = Reflect.get(client, name)
  return typeof method === 'function' ? Reflect.apply(method, client, given) : undefined
}

/** Runs a statement when it is awaited, as the driver's own queries do: `values` selects arrays instead of objects. */
function lazily(run: (asValues: boolean) => Promise<unknown>) {
  const pending = (asValues: boolean) => {
    let result: Promise<unknown> | undefined
    const started = () => {
      result ??= run(asValues)
      return result
    }
    return {
      // biome-ignore lint/suspicious/noThenProperty: it is awaited like a query of the driver.
      then: (...given: Parameters<Promise<unknown>['then']>) => started().then(...given),
      catch: (...given: Parameters<Promise<unknown>['catch']>) => started().catch(...given),
      finally: (...given: Parameters<Promise<unknown>['finally']>) => started().finally(...given),
    }
  }
  return { ...pending(false), values: () => pending(true) }
}
