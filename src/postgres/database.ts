import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { Options, PostgresType, Sql, TransactionSql } from 'postgres'
import { driverAddress } from './address.ts'
import { postgres } from './driver.ts'
import { driverMark } from './driver-repairs.ts'

/** The two ways to one Postgres: raw SQL for the ledger, drizzle for everybody else. */
export interface Database {
  sql: Sql
  db: PostgresJsDatabase
  /** Waits up to five seconds for running queries, then closes all connections. */
  close(): Promise<void>
}

/** What `openDatabase` needs to know. */
export interface DatabaseOptions {
  /** A `postgres://` address. */
  url: string
  /** The most connections that `db` may open, 1 or more; `sql` opens as many, but four at most. */
  poolSize: number
  /** `false` for a pooler that hands a connection on after each transaction, such as PgBouncer; `true` when left out. */
  prepare?: boolean
  /** The name to be seen under in `pg_stat_activity`. */
  name?: string
  /** How long a statement may go unanswered; for ever when left out. */
  silence?: Silence
}

/**
 * For how many seconds a database may say nothing to a statement before that is cancelled and its connection dropped,
 * whether it took effect or not. The client keeps this time, for poolers refuse `statement_timeout` at the start of a
 * connection, and a server that is frozen does not keep it.
 */
export interface Silence {
  /** On the connections of the ledger, whose statements are short. */
  readonly sql: number
  /** On those of the tools and graders, which may ask for more, and wait for the lock of their rollout. */
  readonly db: number
}

/**
 * The {@link Silence} of a server: fifteen seconds for a statement of the ledger, which takes milliseconds unless it waits
 * for a replica that is frozen, and ten more than a tool may run for what a tool asks. A grader has the time of a tool for
 * one statement unless it says itself how long it takes.
 */
export function silenceFor(
  toolSeconds: number,
  named: readonly { readonly timeoutSeconds?: number | undefined }[],
): Silence {
  return { sql: 15, db: Math.max(toolSeconds, ...named.map(({ timeoutSeconds = 0 }) => timeoutSeconds)) + 10 }
}

/** The ledger asks little at once, for it batches; and the fewer take turns, the warmer each is kept by Postgres. */
const mostOfLedger = 4

/**
 * Opens a database: connections are made when the first queries need them, and again after the server was away.
 *
 * @throws TypeError when the address is not valid; Error when its TLS parameters cannot be followed.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, poolSize, prepare = true, name = 'scorekeeper', silence } = options
  const address = driverAddress(url)
  const client = (most: number, seconds: number | undefined): Sql => {
    const settings: Options<Record<string, PostgresType>> & { silence: number | undefined } = {
      max: most,
      prepare,
      connect_timeout: Math.min(5, seconds ?? 5),
      silence: seconds,
      ...address.tls,
      // Whoever is gone without a word is found out within half a minute, also where nothing is asked of him.
      keep_alive: 15,
      // After the server was away, a query waits at most this long before it tries to connect, or fails.
      backoff: (attempts: number) => Math.min(0.05 * 2 ** Math.min(attempts, 10), 0.5),
      onnotice() {},
      connection: { application_name: name },
    }
    return readingCommitted(postgres(address.url, settings))
  }
  // Two clients: drizzle replaces its client's serialisers, and raw SQL with dates or JSON would hang on that one.
  const sql = client(Math.min(poolSize, mostOfLedger), silence?.sql)
  const wrapped = client(poolSize, silence?.db)
  return {
    sql,
    db: drizzle(wrapped),
    async close() {
      await Promise.all([sql.end({ timeout: 5 }), wrapped.end({ timeout: 5 })])
    },
  }
}

/**
 * Makes each transaction state its isolation, `read committed` unless it asks for another, because a database or a role may
 * have another default, under which concurrent calls of a rollout fail. It costs no round trip: it is part of the `begin`.
 */
function readingCommitted(sql: Sql): Sql {
  const { begin } = sql
  const level = 'isolation level read committed'
  type Work<T> = (tx: TransactionSql) => T | Promise<T>
  const explicit = <T>(...given: [Work<T>] | [options: string, Work<T>]) => {
    if (given.length === 1) return begin(level, given[0])
    const [options, work] = given
    return begin(/isolation/i.test(options) ? options : `${level} ${options}`, work)
  }
  return Object.assign(sql, { begin: explicit })
}

/** Thrown by code of ours when the database did not answer in time; it counts as unavailable, see {@link isUnavailable}. */
export class DatabaseTimeout extends Error {
  override readonly name: string = 'DatabaseTimeout'
}

/** Codes of connections that are lost or cannot be made. */
const connectionCodes: ReadonlySet<string> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECTION_SILENT',
  'CONNECT_TIMEOUT',
  'CONNECTION_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
])

/** What Postgres answers when another try may succeed. */
const serverCodes: ReadonlySet<string> = new Set([
  '57P01', // shut down by an administrator
  '57P02', // a crash
  '57P03', // starting up, or shutting down
  '57P05', // the session was idle for too long
  '55P03', // a lock was not available in time
  '57014', // cancelled, because it took too long
  '25006', // read-only: a standby that is being promoted
  '58030', // an error of the file system
])

/** Of classes of codes: connection exceptions, and a lack of connections, memory or disk space. */
const serverClasses: ReadonlySet<string> = new Set(['08', '53'])

/**
 * Whether an error, or one of its causes, says that this server's database is unavailable or too slow, so that another try
 * may succeed. Only errors of our driver count: a tool's own network failure, or one of a database client that a tool brings
 * along, has the same codes and says nothing about this database.
 */
export function isUnavailable(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (isOfDatabase(at)) return true
    if (at instanceof AggregateError && at.errors.some((each) => isUnavailable(each))) return true
  }
  return false
}

function isOfDatabase(error: Error): boolean {
  if (error instanceof DatabaseTimeout) return true
  if (!('code' in error) || typeof error.code !== 'string') return false
  if (error instanceof postgres.PostgresError) {
    return serverCodes.has(error.code) || serverClasses.has(error.code.slice(0, 2))
  }
  return driverMark in error && connectionCodes.has(error.code)
}
