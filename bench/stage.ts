import { type BenchDatabase, openBenchPostgres } from './bench-database.ts'
import type { BodySizes } from './body-sizes.ts'
import type { Cleanup } from './cleanup.ts'
import type { SteadyWish } from './load-wish.ts'
import { describeMachine } from './machine.ts'
import { build, type Load, type MeasuredServer, type Seen, startLoad, startServer } from './processes.ts'

/** What a bench needs: a database of its own, a server, a load. */
export interface Stage {
  /** The machine and the Postgres, for a person. */
  readonly where: string
  readonly database: BenchDatabase
  readonly server: MeasuredServer
  readonly load: Load
  /** The key that the servers ask for. */
  readonly key: string
  /** Sends the load to the first server over 64 connections, unless the wish says otherwise. */
  measure(wish: Partial<SteadyWish> & Pick<SteadyWish, 'path' | 'seconds'>): Promise<Seen>
  /** Makes another empty database in the same Postgres. */
  addDatabase(): Promise<BenchDatabase>
  /** Starts another server, on another database if one is given. */
  addServer(on?: BenchDatabase): Promise<MeasuredServer>
  /** Starts another load. */
  addLoad(): Load
}

/** The key of every measured server. */
export const benchKey = 'a-key-for-the-bench-alone-0123456789'

/** How a stage differs from the usual one: the sizes of the bodies, by default the least; options of the servers' Node. */
export interface StageOptions {
  readonly sizes?: BodySizes
  readonly nodeOptions?: readonly string[]
}

/** Builds the program and starts all that a bench needs; the cleanup stops and removes it. */
export async function setStage(
  env: NodeJS.ProcessEnv,
  cleanup: Cleanup,
  { sizes = { itemBytes: 0, outputBytes: 0 }, nodeOptions = [] }: StageOptions = {},
): Promise<Stage> {
  const folder = await build()
  const postgres = await openBenchPostgres(env, cleanup)
  const database = await postgres.makeDatabase()
  const addServer = (on = database) => {
    const starting = startServer(folder, { ...env, ...serverVariables(on, sizes) }, { nodeOptions })
    return cleanup.start(starting, (server) => server.stop())
  }
  const server = await addServer()
  const addLoad = () => {
    const load = startLoad(folder, env)
    cleanup.add(load.stop)
    return load
  }
  const load = addLoad()
  return {
    where: `${describeMachine()}, ${postgres.where}; client, server and database share it`,
    database,
    server,
    load,
    key: benchKey,
    measure(wish) {
      const kind = wish.path === '/grade' ? 'gradings' : 'calls'
      return load.measure({
        ports: [server.port],
        kind,
        key: benchKey,
        connections: 64,
        itemBytes: sizes.itemBytes,
        ...wish,
      })
    },
    addDatabase: () => postgres.makeDatabase(),
    addServer,
    addLoad,
  }
}

/** The environment variables of a measured server on a database. */
export function serverVariables(
  { url }: Pick<BenchDatabase, 'url'>,
  { outputBytes }: Pick<BodySizes, 'outputBytes'>,
): Readonly<Record<string, string>> {
  return { DATABASE_URL: url, API_KEYS: benchKey, PORT: '0', OUTPUT_BYTES: String(outputBytes) }
}
