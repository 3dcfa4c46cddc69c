import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { datasetRow } from '../corpus/dataset.ts'
import { ensureGeneratedCorpus } from '../corpus/generated.ts'
import { countOrigins, countPages } from '../corpus/origins.ts'
import { randomOf } from '../corpus/random.ts'
import { showProgress } from '../corpus/show-progress.ts'
import { isOpen } from '../src/auth/authenticate.ts'
import { type Config, loadConfig, readEnvironment } from '../src/config.ts'
import { openServerDatabase } from '../src/open-server-database.ts'
import { watchParent } from '../src/watch-parent.ts'
import { agents } from './agents.ts'
import { reportTable } from './report.ts'
import { startServer } from './server-process.ts'
import { type PlayedRollout, playRollout } from './trainer.ts'
import { whatNext } from './what-next.ts'

/** So many questions, each played by every agent: a group of rollouts an item. */
const questionsPlayed = 20
const atOnce = 8

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
  const server = await startServer(serverEnv).catch((error: unknown) => {
    if (!String(error).includes('EADDRINUSE')) throw error
    console.log(`Port ${config.port} is taken; the server takes another.`)
    return startServer({ ...serverEnv, PORT: '0' })
  })
  stops.push(() => {
    server.stop()
    return server.ended
  })
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  console.log(`Server: ${server.url}\n`)

  const random = randomOf('demo')
  const items = random.shuffle(dev).slice(0, questionsPlayed).map(datasetRow)
  const jobs = items.flatMap((item) => agents.map((agent) => ({ item, agent })))
  const settings = { url: server.url, headers, repeats: () => random.next() < 0.1 }
  const rollouts: PlayedRollout[] = []
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      rollouts.push(await playRollout(settings, job.agent, job.item))
      progress.show({ stage: 'play', done: rollouts.length, total: items.length * agents.length })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  progress.end()

  const rows = await database.sql<{ id: string; parts: Record<string, number> }[]>`
    select rollout_id as id, parts from grades where rollout_id like 'demo_%' and outcome = 'scored'`
  const parts = new Map(rows.map((row) => [row.id, row.parts]))
  console.log(`${reportTable(rollouts, (id) => parts.get(id) ?? {})}\n`)
  const sum = (of: (rollout: PlayedRollout) => number) => rollouts.reduce((total, one) => total + of(one), 0)
  console.log(
    `${rollouts.length} rollouts, ${sum(({ calls }) => calls)} tool calls, ${sum(({ retries }) => retries)} of them sent ` +
      `twice as after a lost answer: ${sum(({ differences }) => differences)} answered differently.`,
  )
  console.log(`${((performance.now() - began) / 1000).toFixed(0)} s in all.\n`)
  const [first] = items
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
