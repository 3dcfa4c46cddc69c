import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolloutProgress } from '../../src/cli/rollout-progress.ts'
import { openServerDatabase } from '../../src/postgres/open-database.ts'
import { isOpen } from '../../src/server/auth/authenticate.ts'
import { type Config, loadConfig, readEnvironment } from '../../src/server/config.ts'
import { watchParent } from '../../src/server/process-events.ts'
import { datasetItem } from '../../src/workbench/simulate/agent.ts'
import { faultsOf } from '../../src/workbench/simulate/faults.ts'
import { startOwnServer } from '../../src/workbench/simulate/own-server.ts'
import { randomFrom } from '../../src/workbench/simulate/random.ts'
import { runSimulation } from '../../src/workbench/simulate/run.ts'
import { simulationTable } from '../../src/workbench/simulate/table.ts'
import { agents } from '../agents.ts'
import { datasetRow } from '../corpus/dataset.ts'
import { ensureGeneratedCorpus } from '../corpus/generated.ts'
import { countOrigins, countPages } from '../corpus/origins.ts'
import { showProgress } from '../corpus/progress.ts'
import { randomOf } from '../corpus/random.ts'
import { whatNext } from './what-next.ts'

/** So many questions, each played by every agent: a group of rollouts an item. */
const questionsPlayed = 20
const group = 1
const atOnce = 8
const serverEntry = fileURLToPath(new URL('../../src/server.ts', import.meta.url))

/** What is to be stopped at the end, the latest first. */
type Stops = (() => Promise<void>)[]

async function demo(stops: Stops): Promise<void> {
  const began = performance.now()
  const once = process.argv.includes('--once')
  // The demo's pages are fictional: they belong into the embedded database, not into one that somebody configured.
  const given: NodeJS.ProcessEnv = { ...readEnvironment(), DATABASE_URL: '' }
  console.log('Scorekeeper demo: scripted agents answer financial questions over HTTP, and a grader scores them.\n')

  const env: NodeJS.ProcessEnv = { ...given, DATA_DIR: await chooseDataDir(loadConfig(given)) }
  const config = loadConfig(env)
  const database = await openServerDatabase(config)
  stops.push(() => database.close())
  const progress = showProgress(process.stdout)
  const { dev } = await ensureGeneratedCorpus(database, { onProgress: progress.show })
  progress.end()
  console.log(`Corpus: 2,800 fictional report pages in ${database.where}.`)

  const key = isOpen(config.auth) ? undefined : randomBytes(24).toString('hex')
  const serverEnv = {
    ...env,
    ...(key !== undefined && { API_KEYS: `${env['API_KEYS'] ?? ''} demo:tools+grade=${key}` }),
  }
  const server = await startOwnServer(serverEntry, serverEnv).catch((error: unknown) => {
    if (!String(error).includes('EADDRINUSE')) throw error
    console.log(`Port ${config.port} is taken; the server takes another.`)
    return startOwnServer(serverEntry, { ...serverEnv, PORT: '0' })
  })
  stops.push(() => server.stop())
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  console.log(`Server: ${server.url}\n`)

  const rows = randomOf('demo').shuffle(dev).slice(0, questionsPlayed).map(datasetRow)
  const items = rows.map((row) => datasetItem.parse(row))
  const plan = { agents, items, group, itemsPerStep: items.length, concurrency: atOnce, seed: 'demo' }
  const rollouts = {
    ...{ headers, timeoutSeconds: 60, pauseMs: 200, tools: [], maxSteps: 20 },
    toolUrl: (tool: string) => `${server.url}/tools/${tool}`,
    graderUrl: `${server.url}/graders/finqa`,
    fault: faultsOf(['duplicate'], 0.1, randomFrom('demo')),
  }
  const view = rolloutProgress(
    process.stdout,
    agents.map(({ name }) => name),
    items.length * group,
  )
  const { agents: played, all } = await runSimulation(rollouts, plan, { view }, new AbortController().signal)
  console.log(`${simulationTable(played, all)}\n`)
  console.log(
    `${all.rollouts} rollouts, ${all.calls} tool calls; ${all.repeats} requests were sent twice, as after a lost answer: ` +
      `${all.differences} answered differently.`,
  )
  console.log(`${((performance.now() - began) / 1000).toFixed(0)} s in all.\n`)
  const [first] = rows
  if (first) console.log(whatNext(server.url, key, first))

  if (!once) await server.ended
}

/** Where the demo's database is kept: `DATA_DIR`, or beside it where imported pages are, which stay among themselves. */
async function chooseDataDir(config: Config): Promise<string> {
  const database = await openServerDatabase(config)
  try {
    const { imported } = await countOrigins(database.db)
    if (imported === 0) return config.dataDir
    const own = join(config.dataDir, 'demo')
    console.log(
      `${config.dataDir} has ${countPages(imported)} of an import, which the demo leaves alone: it uses ${own}.`,
    )
    return own
  } finally {
    await database.close()
  }
}

const stops: Stops = []
let isStopping = false
const stop = async (code: number) => {
  if (isStopping) return
  isStopping = true
  for (const one of stops.reverse()) await one()
  process.exit(code)
}
// SIGHUP: somebody closed the terminal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0))
watchParent(() => void stop(0))
await demo(stops).then(
  () => stop(0),
  (error: unknown) => {
    // What is cut short by a stop fails, and that is nobody's concern.
    if (!isStopping) console.error(error instanceof Error ? error.message : error)
    return stop(1)
  },
)
