import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { Options, PostgresType, Sql, TransactionSql } from 'postgres'
import { z } from 'zod'
import { parseExactly, stringifyExactly } from '../base/exact-json.ts'
import { driverAddress } from './address.ts'
import { postgres } from './driver.ts'
import { driverMark } from './driver-repairs.ts'

/** The connections of a client. */
export interface PoolUsage {
  /** The most that it may open. */
  readonly size: number
  /** Those that carry a statement or a transaction, or are being made. */
  readonly busy: number
  /** Statements and transactions that wait until a connection is free. */
  readonly waiting: number
}

/** Two clients of one Postgres: raw SQL for the ledger, drizzle for tools, graders and everything else. */
export interface Database {
  readonly sql: Sql
  readonly db: PostgresJsDatabase
  /** How many connections are in use now. */
  usage(): { readonly ledger: PoolUsage; readonly tools: PoolUsage }
  /** Waits up to five seconds for running queries, then closes all connections. */
  close(): Promise<void>
}

/** The options of {@link openDatabase}. */
export interface DatabaseOptions {
  /** A `postgres://` address. */
  readonly url: string
  /** The most connections that `db` may open, 1 or more; `sql` opens as many, but four at most. */
  readonly poolSize: number
  /** `false` behind a pooler in transaction mode, such as PgBouncer; `true` when left out. */
  readonly prepare?: boolean
  /** The `application_name` in `pg_stat_activity`. */
  readonly name?: string
  /** How long a statement may go unanswered; no limit when left out. */
  readonly silence?: Silence
}

/**
 * After how many seconds without an answer a statement is cancelled and its connection dropped, whether it took effect or
 * not. The client measures this time, because poolers refuse `statement_timeout` at the start of a connection, and a frozen
 * server does not observe it.
 */
export interface Silence {
  /** For the ledger, whose statements are short. */
  readonly sql: number
  /** For tools and graders, whose statements may take longer and wait for the lock of their rollout. */
  readonly db: number
}

/**
 * The {@link Silence} of a server: fifteen seconds for a statement of the ledger, which takes milliseconds unless it waits
 * for a frozen replica; for tools and graders, ten seconds more than the longest timeout of any of them.
 */
export function silenceFor(
  toolSeconds: number,
  named: readonly { readonly timeoutSeconds?: number | undefined }[],
): Silence {
  return { sql: 15, db: Math.max(toolSeconds, ...named.map(({ timeoutSeconds = 0 }) => timeoutSeconds)) + 10 }
}

/** As the library has it, but for integers that a number would round. */
const json: PostgresType = { to: 114, from: [114, 3802], serialize: stringifyExactly, parse: parseExactly }

/** The ledger batches its statements, so it needs few connections, and fewer ones keep Postgres's caches warmer. */
const mostOfLedger = 4

/**
 * Opens a database. Connections are made when queries need them, and again after the server was unavailable.
 *
 * @throws TypeError when the address is not valid; Error when its TLS parameters cannot be applied.
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
      ...address.options,
      // A peer that disappeared is detected within half a minute, also on idle connections.
      keep_alive: 15,
      // The longest wait of a query before it tries to connect to a server that was unavailable.
      backoff: (attempts: number) => Math.min(0.05 * 2 ** Math.min(attempts, 10), 0.5),
      onnotice() {},
      types: { json },
      connection: { application_name: name },
    }
    return readingCommitted(postgres(address.url, settings))
  }
  // Two clients, because drizzle replaces the serialisers of its own, on which raw SQL with dates or JSON would hang.
  const sql = client(Math.min(poolSize, mostOfLedger), silence?.sql)
  const wrapped = client(poolSize, silence?.db)
  return {
    sql,
    db: drizzle(wrapped),
    usage: () => ({ ledger: usageOf(sql), tools: usageOf(wrapped) }),
    async close() {
      await Promise.all([sql.end({ timeout: 5 }), wrapped.end({ timeout: 5 })])
    },
  }
}

/** The usage that a client tells, which its types do not name. */
const usageShape = z.custom<() => PoolUsage>((value) => typeof value === 'function')

const usageOf = (client: Sql): PoolUsage => usageShape.parse(Reflect.get(client, 'usage'))()

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

/** Thrown when the database did not answer in time; it counts as unavailable, see {@link isUnavailable}. */
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
  'EAGAIN', // of a Unix socket: too many connections are being made
  'CONNECTION_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENOENT', // of a Unix socket: the server does not run
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
])

/** The error codes of Postgres after which a retry may succeed. */
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

/** Classes of such codes: connection exceptions, and insufficient resources. */
const serverClasses: ReadonlySet<string> = new Set(['08', '53'])

/**
 * Whether an error, or one of its causes, means that this server's database is unavailable or too slow, so that a retry may
 * succeed. Only errors of this server's driver count: a network failure of a tool, or of a tool's own database client, has
 * the same codes.
 */
export function isUnavailable(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (isOfDatabase(at)) return true
    if (at instanceof AggregateError && at.errors.some((each) => isUnavailable(each))) return true
  }
  return false
}

/** The SQLSTATE of an error of Postgres; undefined for any other error. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined
}

function isOfDatabase(error: Error): boolean {
  if (error instanceof DatabaseTimeout) return true
  if (!('code' in error) || typeof error.code !== 'string') return false
  if (error instanceof postgres.PostgresError) {
    return serverCodes.has(error.code) || serverClasses.has(error.code.slice(0, 2))
  }
  return driverMark in error && connectionCodes.has(error.code)
}
