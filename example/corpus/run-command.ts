import { makeDataDirectory } from '../../src/postgres/embedded/data-directory.ts'
import { openServerDatabase } from '../../src/postgres/open-database.ts'
import type { Config } from '../../src/server/config.ts'
import { type CorpusReport, type Job, runGenerate, runImport, runStatus } from './commands.ts'
import { showProgress } from './progress.ts'

/** What is asked of the corpus. */
export type CorpusOrder =
  | {
      readonly command: 'generate'
      readonly seed: number
      readonly pages: number | undefined
      readonly keeping: Keeping
    }
  | { readonly command: 'import'; readonly files: readonly string[]; readonly keeping: Keeping }
  | { readonly command: 'status' }

/** What is to become of pages of the other kind that are there. */
interface Keeping {
  readonly replace: boolean
  readonly mix: boolean
}

/**
 * Does what is asked, with its progress on stderr, and prints what came of it; ends the program with 130 at Ctrl-C.
 *
 * @throws what each of the commands throws.
 */
export async function runCorpus(order: CorpusOrder, config: Config, isJson: boolean): Promise<void> {
  // Before the work: what cannot be written afterwards is found out now.
  if (order.command !== 'status') makeDataDirectory(config.dataDir)
  const database = await openServerDatabase({ ...config, poolSize: 2 })
  const progress = showProgress(process.stderr)
  const stop = () => {
    progress.end()
    process.stderr.write('stopped; the same command goes on from here\n')
    database.close().finally(() => process.exit(130))
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    // Beside JSON the lines are for whoever watches.
    const out = isJson ? process.stderr : process.stdout
    const report = await runOrder({ database, config, progress, write: (text) => void out.write(`${text}\n`) }, order)
    if (isJson) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  } finally {
    progress.end()
    await database.close()
  }
}

function runOrder(job: Job, order: CorpusOrder): Promise<CorpusReport> {
  if (order.command === 'status') return runStatus(job)
  if (order.command === 'generate') return runGenerate(job, { ...order, ...order.keeping })
  return runImport(job, { files: [...order.files], ...order.keeping })
}
