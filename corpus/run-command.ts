import type { Config } from '../src/config.ts'
import { makeDataDirectory } from '../src/embedded/data-directory.ts'
import { openServerDatabase } from '../src/open-server-database.ts'
import { runGenerate, runImport, runStatus } from './commands.ts'
import { showProgress } from './show-progress.ts'

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
 * Does what is asked, with its progress on stderr; ends the program with 130 at Ctrl-C.
 *
 * @throws Error when nothing in the files was of use, and what each of the commands throws.
 */
export async function runCorpus(order: CorpusOrder, config: Config): Promise<void> {
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
    const job = { database, config, progress, write: (text: string) => void process.stdout.write(`${text}\n`) }
    if (order.command === 'status') await runStatus(job)
    else if (order.command === 'generate') await runGenerate(job, { ...order, ...order.keeping })
    else if (!(await runImport(job, { files: [...order.files], ...order.keeping })))
      throw new Error('nothing in these files was of use; see above')
  } finally {
    progress.end()
    await database.close()
  }
}
