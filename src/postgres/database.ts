import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { Options, PostgresType, Sql } from 'postgres'
import { postgres } from './driver.ts'

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
 * @throws TypeError when the address is not one.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, poolSize, prepare = true, name = 'scorekeeper', silence } = options
  const client = (most: number, seconds: number | undefined): Sql => {
    const settings: Options<Record<string, PostgresType>> & { silence: number | undefined } = {
      max: most,
      prepare,
      connect_timeout: Math.min(5, seconds ?? 5),
      silence: seconds,
      // Whoever is gone without a word is found out within half a minute, also where nothing is asked of him.
      keep_alive: 15,
      // After the server was away, a query waits at most this long before it tries to connect, or fails.
      backoff: (attempts: number) => Math.min(0.05 * 2 ** Math.min(attempts, 10), 0.5),
      onnotice() {},
      connection: { application_name: name },
    }
    return postgres(withoutLibpqSettings(url), settings)
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

/** Settings that are for other client libraries: postgres.js would send them to the server, which refuses them. */
function withoutLibpqSettings(url: string): string {
  const settings =
    /[?&](?:channel_binding|connect_timeout|gssencmode|passfile|pgbouncer|pool_timeout|connection_limit|schema|sslcert|sslkey|sslcrl)=[^&]*/g
  return url.replace(settings, (found) => (found.startsWith('?') ? '?' : '')).replace('?&', '?')
}

const awayCodes: ReadonlySet<string> = new Set([
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
  '53300', // too many connections
  '57P01', // shut down by an administrator
  '57P02', // after a crash
  '57P03', // starting up, or going down
  '57P05', // idle for too long
  '55P03', // a lock was not to be had in time
  '57014', // cancelled, because it took too long
  '25006', // only readable: a standby that is about to take over
])

/** Whether an error, or what caused it, means that the database is away, or too slow, and another try may succeed. */
export function isUnavailable(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof AggregateError && at.errors.some((each) => isUnavailable(each))) return true
    if ('code' in at && typeof at.code === 'string' && (awayCodes.has(at.code) || at.code.startsWith('08'))) return true
  }
  return false
}
