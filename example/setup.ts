import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readIndex } from '../schema/live-pages.ts'
import { version } from '../src/base/version.ts'
import type { DemoSetup } from '../src/cli/demo/demo.ts'
import { openServerDatabase, type ServerDatabase } from '../src/postgres/open-database.ts'
import { loadConfig } from '../src/server/config/config.ts'
import { datasetRow, writeDataset } from './corpus/dataset.ts'
import { ensureGeneratedCorpus } from './corpus/generated.ts'
import { countOrigins, countPages } from './corpus/origins.ts'
import { showProgress } from './corpus/progress.ts'
import { randomOf } from './corpus/random.ts'

/** How many questions the demo's dataset has. */
const questionsPlayed = 20

/**
 * Prepares the demo: generates the corpus in the embedded database and writes a dataset of questions about it. If an earlier
 * demo of this version did so and no page has changed since, nothing is generated.
 */
export async function setup(env: NodeJS.ProcessEnv): Promise<DemoSetup> {
  const { dataDir, database } = await openDatabase(env)
  try {
    const [dataset, mark] = [join(dataDir, 'demo.jsonl'), join(dataDir, 'demo-pages.json')]
    if (!existsSync(dataset) || readMark(mark) !== (await markOf(database))) {
      const progress = showProgress(process.stdout)
      const { dev } = await ensureGeneratedCorpus(database, { onProgress: progress.show })
      progress.end()
      const rows = randomOf('demo').shuffle(dev).slice(0, questionsPlayed).map(datasetRow)
      await writeDataset(dataset, rows)
      writeFileSync(mark, await markOf(database))
    }
    console.log(`Corpus: 2,800 fictional report pages in ${database.where}.`)
    return { env: { DATA_DIR: dataDir }, dataset, close: () => database.close() }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** What tells whether the pages are those of an earlier demo: the version of this program, and that of the pages. */
async function markOf({ db }: ServerDatabase): Promise<string> {
  const state = await readIndex(db)
  return JSON.stringify({ program: version, pages: state?.current === true ? state.version : null })
}

function readMark(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** Opens the demo's database: in `DATA_DIR`, or in a folder in it if `DATA_DIR` has imported pages, which are kept. */
async function openDatabase(env: NodeJS.ProcessEnv): Promise<{ dataDir: string; database: ServerDatabase }> {
  const config = loadConfig(env)
  const database = await openServerDatabase(config)
  try {
    const { imported } = await countOrigins(database.db)
    if (imported === 0) return { dataDir: config.dataDir, database }
    const own = join(config.dataDir, 'demo')
    console.log(
      `${config.dataDir} has ${countPages(imported)} from an import, which the demo keeps: it uses ${own} instead.`,
    )
    await database.close()
    return { dataDir: own, database: await openServerDatabase(loadConfig({ ...env, DATA_DIR: own })) }
  } catch (error) {
    await database.close()
    throw error
  }
}
