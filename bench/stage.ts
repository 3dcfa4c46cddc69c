import { type BenchDatabase, openBenchPostgres } from './bench-database.ts'
import type { SteadyWish } from './load-wish.ts'
import { describeMachine } from './machine.ts'
import { build, type Load, type MeasuredServer, type Seen, startLoad, startServer } from './processes.ts'

/** All that a bench needs: a database of its own, a server, a load. */
export interface Stage {
  /** The machine and the Postgres, for a person. */
  readonly where: string
  readonly database: BenchDatabase
  readonly server: MeasuredServer
  readonly load: Load
  /** The key that the servers ask for. */
  readonly key: string
  /** Has the load ask the first server over 64 connections, unless the wish says otherwise. */
  measure(wish: Partial<SteadyWish> & Pick<SteadyWish, 'path' | 'seconds'>): Promise<Seen>
  /** Makes one more empty database in the same Postgres. */
  addDatabase(): Promise<BenchDatabase>
  /** Starts one more server, on another database if one is given. */
  addServer(on?: BenchDatabase): Promise<MeasuredServer>
  /** Starts one more load. */
  addLoad(): Load
}

const key = 'a-key-for-the-bench-alone-0123456789'

/** Sets the stage, runs the play and clears everything away, whatever happens in it. */
export async function onStage<Result>(
  env: NodeJS.ProcessEnv,
  play: (stage: Stage) => Promise<Result>,
  nodeOptions: readonly string[] = [],
): Promise<Result> {
  const folder = await build()
  const postgres = await openBenchPostgres(env)
  const started: { stop(): Promise<void> }[] = []
  const keep = <One extends { stop(): Promise<void> }>(one: One): One => {
    started.push(one)
    return one
  }
  try {
    const database = await postgres.makeDatabase()
    const addServer = async (on = database) => {
      const serverEnv = { ...env, DATABASE_URL: on.url, API_KEYS: key, PORT: '0' }
      return keep(await startServer(folder, serverEnv, nodeOptions))
    }
    const addLoad = () => keep(startLoad(folder, env))
    const server = await addServer()
    const load = addLoad()
    const measure: Stage['measure'] = (wish) => {
      const kind = wish.path === '/grade' ? 'gradings' : 'calls'
      return load.measure({ ports: [server.port], kind, key, connections: 64, ...wish })
    }
    const where = `${describeMachine()}, ${postgres.where}; client, server and database share it`
    return await play({
      where,
      database,
      server,
      load,
      key,
      measure,
      addDatabase: postgres.makeDatabase,
      addServer,
      addLoad,
    })
  } finally {
    for (const one of started.reverse()) await one.stop()
    await postgres.close()
  }
}
