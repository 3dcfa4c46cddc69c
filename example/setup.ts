import { join } from 'node:path'
import type { DemoSetup } from '../src/cli/demo.ts'
import { openServerDatabase } from '../src/postgres/open-database.ts'
import { type Config, loadConfig } from '../src/server/config.ts'
import { datasetRow, writeDataset } from './corpus/dataset.ts'
import { ensureGeneratedCorpus } from './corpus/generated.ts'
import { countOrigins, countPages } from './corpus/origins.ts'
import { showProgress } from './corpus/progress.ts'
import { randomOf } from './corpus/random.ts'

/** How many questions the demo's dataset has. */
const questionsPlayed = 20

/** Prepares the demo: generates the corpus in the embedded database and writes a dataset of questions about it. */
export async function setup(env: NodeJS.ProcessEnv): Promise<DemoSetup> {
  const dataDir = await chooseDataDir(loadConfig(env))
  const database = await openServerDatabase(loadConfig({ ...env, DATA_DIR: dataDir }))
  try {
    const progress = showProgress(process.stdout)
    const { dev } = await ensureGeneratedCorpus(database, { onProgress: progress.show })
    progress.end()
    console.log(`Corpus: 2,800 fictional report pages in ${database.where}.`)
    const rows = randomOf('demo').shuffle(dev).slice(0, questionsPlayed).map(datasetRow)
    const dataset = await writeDataset(join(dataDir, 'demo.jsonl'), rows)
    return { env: { DATA_DIR: dataDir }, dataset, close: () => database.close() }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Where the demo's database is: `DATA_DIR`, or a folder in it if `DATA_DIR` has imported pages, which are kept. */
async function chooseDataDir(config: Config): Promise<string> {
  const database = await openServerDatabase(config)
  try {
    const { imported } = await countOrigins(database.db)
    if (imported === 0) return config.dataDir
    const own = join(config.dataDir, 'demo')
    console.log(
      `${config.dataDir} has ${countPages(imported)} from an import, which the demo keeps: it uses ${own} instead.`,
    )
    return own
  } finally {
    await database.close()
  }
}
