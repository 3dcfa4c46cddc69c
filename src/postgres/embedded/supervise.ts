import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'postgres'
import { postgres } from '../driver.ts'
import { userName } from './cluster.ts'
import { findPostmaster, type Programs, reasonInLog, startPostmaster, stopPostmaster } from './postmaster.ts'

/** An event of an embedded server that stopped by itself. */
export interface EmbeddedEvent {
  /** `embedded_postgres_failed` is the last one: the server could not be restarted. */
  readonly code: 'embedded_postgres_stopped' | 'embedded_postgres_restarted' | 'embedded_postgres_failed'
  /** One sentence for the log, with the reason from PostgreSQL's own log, if it has one. */
  readonly message: string
}

/** A connection that shows that this process uses the server. */
interface Hold {
  readonly url: string
  readonly socketUrl: string | undefined
  readonly sql: Sql
  /** Resolves when the connection is lost or closed. */
  readonly lost: Promise<void>
}

// An advisory lock that every process holds, shared, from start to stop: the process that gets it alone is the last one.
const holdersLock = 7_720_331
const maxStartMilliseconds = 120_000
const maxFailedStarts = 5
const restartWindowMilliseconds = 5 * 60_000

/** 0.1 s, doubled each time, 5 s at most. */
const backOff = (turn: number): number => Math.min(100 * 2 ** turn, 5_000)

/**
 * Starts the server or finds it running, and restarts it when it stops by itself, until `stop`; at most `maxRestarts` times
 * within five minutes.
 */
export async function supervise(
  programs: Programs,
  maxRestarts: number,
  onEvent: (event: EmbeddedEvent) => void,
): Promise<{ url: string; socketUrl: string | undefined; stop(): Promise<void> }> {
  const { cluster } = programs
  let hold: Hold | undefined = await join(programs).catch((cause: Error) => {
    throw new Error(`The embedded PostgreSQL in ${cluster.data} did not start: ${cause.message}`, { cause })
  })
  const { url, socketUrl } = hold
  let isStopping = false
  let restarting: Promise<void> | undefined
  let restarts: number[] = []

  const restart = async (): Promise<void> => {
    restarts = restarts.filter((time) => time > Date.now() - restartWindowMilliseconds)
    if (restarts.length >= maxRestarts) throw new Error(`it stopped ${maxRestarts} times within five minutes`)
    if (restarts.length > 0) await sleep(backOff(restarts.length))
    restarts.push(Date.now())
    const next = await join(programs)
    if (next.url !== url) {
      await release(next, programs)
      throw new Error(`another program took its port ${new URL(url).port}; start again`)
    }
    if (socketUrl !== undefined && next.socketUrl !== socketUrl) {
      await release(next, programs)
      throw new Error('its Unix socket could not be made again; start again')
    }
    hold = next
    watch(next)
    onEvent({ code: 'embedded_postgres_restarted', message: `the embedded PostgreSQL in ${cluster.data} runs again` })
  }

  const onLost = async (lost: Hold): Promise<void> => {
    if (isStopping) return
    hold = undefined
    const reason = reasonInLog(cluster)
    const what = findPostmaster(cluster.data) === undefined ? 'stopped' : 'closed its connections'
    const message = `the embedded PostgreSQL in ${cluster.data} ${what}${reason && ` (${reason})`}; it is restarted`
    onEvent({ code: 'embedded_postgres_stopped', message })
    restarting = lost.sql
      .end({ timeout: 0 })
      .then(restart)
      .catch((error: unknown) => {
        const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
        const failure = `the embedded PostgreSQL in ${cluster.data} could not be restarted: ${why}`
        onEvent({ code: 'embedded_postgres_failed', message: reason ? `${failure} (${reason})` : failure })
      })
  }

  function watch(held: Hold): void {
    void held.lost.then(() => onLost(held))
  }
  watch(hold)

  return {
    url,
    socketUrl,
    async stop() {
      isStopping = true
      // A restart that is under way is completed first, so that its server is not left behind.
      await restarting
      if (hold) await release(hold, programs)
    },
  }
}

/** Finds or starts the server and takes the shared lock; tries again when other processes start or stop it meanwhile. */
async function join(programs: Programs): Promise<Hold> {
  const { cluster } = programs
  const deadline = Date.now() + maxStartMilliseconds
  let problem = 'it did not become ready'
  let failures = 0
  while (Date.now() < deadline && failures < maxFailedStarts) {
    const running = findPostmaster(cluster.data)
    if (running === undefined) {
      const start = await startPostmaster(programs)
      if (start.started) continue
      problem = start.problem
      if (findPostmaster(cluster.data) !== undefined) continue
      // The processes of a killed server may still be ending, and a full disk may have space again.
      await sleep(backOff(failures))
      failures += 1
    } else if (running.status === 'ready') {
      const { port, socketFolder } = running
      const urlAt = (host: string) => `postgres://${userName}:${cluster.password}@${host}:${port}/postgres`
      try {
        const hold = await takeSharedLock(urlAt('127.0.0.1'))
        return { ...hold, socketUrl: socketFolder === '' ? undefined : urlAt(encodeURIComponent(socketFolder)) }
      } catch (error) {
        problem = String(error)
        await sleep(50)
      }
    } else await sleep(20)
  }
  throw new Error(problem)
}

async function takeSharedLock(url: string): Promise<Omit<Hold, 'socketUrl'>> {
  let lose = () => {}
  const lost = new Promise<void>((resolve) => {
    lose = resolve
  })
  // One connection for as long as the process lives: a new one would not have the lock.
  const settings = { max: 1, max_lifetime: null, connect_timeout: 5, fetch_types: false, onnotice() {} }
  const sql = postgres(url, { ...settings, onclose: () => lose() })
  try {
    await sql`select pg_advisory_lock_shared(${holdersLock})`
    return { url, sql, lost }
  } catch (error) {
    await sql.end({ timeout: 0 })
    throw error
  }
}

async function release({ sql }: Hold, { cluster, binaries, identity }: Programs): Promise<void> {
  try {
    await sql`select pg_advisory_unlock_shared(${holdersLock})`
    const [answer] = await sql<{ alone: boolean }[]>`select pg_try_advisory_lock(${holdersLock}) as alone`
    // Processes that start now wait for the lock that this one has, lose their connection, and start the server again.
    if (answer?.alone) await stopPostmaster(cluster.data, binaries, identity)
  } catch (error) {
    if (findPostmaster(cluster.data)) throw error
  } finally {
    await sql.end({ timeout: 1 })
  }
}
