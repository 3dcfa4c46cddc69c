import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'postgres'
import { postgres } from '../src/postgres/driver.ts'
import { findPackage, prepareBinaries } from '../src/postgres/embedded/binaries.ts'
import { openCluster, userName } from '../src/postgres/embedded/cluster.ts'
import { chooseIdentity, findPlace, systemBases } from '../src/postgres/embedded/place.ts'
import { findPostmaster, startPostmaster, stopPostmaster } from '../src/postgres/embedded/postmaster.ts'
import type { Identity } from '../src/postgres/embedded/run.ts'

/** A Postgres for one run, which can be killed and restarted. */
export interface Cluster {
  readonly user: string
  readonly password: string
  /** The OS user of its processes; `undefined` for the user of this process. */
  readonly identity: Identity | undefined
  /** The port that it listens on, which changes with each start. */
  port(): number
  /** Runs SQL on up to `most` direct connections, bypassing all proxies. */
  asking<Result>(work: (sql: Sql) => Promise<Result>, most?: number): Promise<Result>
  /** Crashes it, without a checkpoint; resolves when the process has exited. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Stops it for good. */
  close(): Promise<void>
}

/** The `application_name` of the harness. */
export const ownName = 'chaos'

/** `max_connections`: few enough to be exhausted. */
export const maxConnections = 90

/** Creates and starts a cluster in a folder, with the embedded binaries and production settings. */
export async function startCluster(folder: string): Promise<Cluster> {
  const identity = await chooseIdentity(folder)
  const binaries = await prepareBinaries(findPackage(`${process.platform}-${process.arch}`), identity, systemBases)
  const place = await findPlace(`${folder}/data`, identity, [`${folder}/own`, ...systemBases])
  const files = await openCluster(place, binaries, identity, true)
  let port = 0
  let isClosed = false

  const start = async () => {
    if (isClosed) return
    const outcome = await startPostmaster({ cluster: files, binaries, identity })
    const found = findPostmaster(files.data)
    if (!outcome.started || found === undefined) throw new Error(`Postgres did not start:\n${outcome.problem}`)
    port = found.port
  }
  const stop = () => stopPostmaster(files.data, binaries, identity)
  const asking = async <Result>(work: (sql: Sql) => Promise<Result>, most = 1): Promise<Result> => {
    const url = `postgres://${userName}:${files.password}@127.0.0.1:${port}/postgres`
    const connection = { application_name: ownName }
    const plain = { onnotice() {}, fetch_types: false, prepare: false }
    const sql = postgres(url, { max: most, connect_timeout: 5, connection, ...plain })
    try {
      return await work(sql)
    } finally {
      await sql.end({ timeout: 0 })
    }
  }

  await start()
  await asking((sql) => sql.unsafe(`alter system set max_connections = ${maxConnections}`))
  await stop()
  await start()
  return {
    user: userName,
    password: files.password,
    identity,
    port: () => port,
    asking,
    start,
    async close() {
      isClosed = true
      await stop()
    },
    async kill() {
      const found = findPostmaster(files.data)
      if (found === undefined) return
      // As `pg_ctl stop -m immediate` does.
      process.kill(found.pid, 'SIGQUIT')
      while (findPostmaster(files.data)?.pid === found.pid) await sleep(10)
    },
  }
}
