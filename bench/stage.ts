import { type BenchDatabase, makeBenchDatabase } from './bench-database.ts'
import type { SteadyWish } from './load-wish.ts'
import { build, type Load, type MeasuredServer, type Seen, startLoad, startServer } from './processes.ts'

/** All that a bench needs: a database of its own, a server, a load. */
export interface Stage {
  readonly database: BenchDatabase
  readonly server: MeasuredServer
  readonly load: Load
  /** The key that the servers ask for. */
  readonly key: string
  /** Has the load ask the first server, or those at `ports`. */
  measure(wish: Partial<SteadyWish> & Pick<SteadyWish, 'path' | 'seconds'>): Promise<Seen>
  /** Starts one more server on the same database. */
  addServer(): Promise<MeasuredServer>
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
  const database = await makeBenchDatabase(env)
  const started: { stop(): Promise<void> }[] = []
  const keep = <One extends { stop(): Promise<void> }>(one: One): One => {
    started.push(one)
    return one
  }
  const serverEnv = { ...env, DATABASE_URL: database.url, API_KEYS: key, PORT: '0' }
  const addServer = async () => keep(await startServer(folder, serverEnv, nodeOptions))
  const addLoad = () => keep(startLoad(folder, env))
  try {
    const server = await addServer()
    const load = addLoad()
    const measure: Stage['measure'] = (wish) => {
      const kind = wish.path === '/grade' ? 'gradings' : 'calls'
      return load.measure({ ports: [server.port], kind, key, connections: 64, ...wish })
    }
    return await play({ database, server, load, key, measure, addServer, addLoad })
  } finally {
    for (const one of started.reverse()) await one.stop()
    await database.remove()
  }
}
