import { once } from 'node:events'
import { interruptible } from '../../src/cli/run-program.ts'
import { makeDataDirectory } from '../../src/postgres/embedded/place.ts'
import { openServerDatabase } from '../../src/postgres/open-database.ts'
import type { Config } from '../../src/server/config/config.ts'
import { type CorpusReport, type Job, runGenerate, runImport, runStatus } from './commands.ts'
import { showProgress } from './progress.ts'

/** A command with its options. */
export type CorpusOrder =
  | {
      readonly command: 'generate'
      readonly seed: number
      readonly pages: number | undefined
      readonly keeping: Keeping
    }
  | { readonly command: 'import'; readonly files: readonly string[]; readonly keeping: Keeping }
  | { readonly command: 'status' }

/** What happens to existing pages of the other kind. */
interface Keeping {
  readonly replace: boolean
  readonly mix: boolean
}

/** Runs a command, with progress on stderr and the result on stdout, and returns the exit code. */
export function runCorpus(order: CorpusOrder, config: Config, isJson: boolean): Promise<number> {
  const work = async (ending: AbortSignal): Promise<number> => {
    // Before any work, so that an unwritable directory is reported at once.
    if (order.command !== 'status') makeDataDirectory(config.dataDir)
    const database = await openServerDatabase({ ...config, poolSize: 2 })
    const progress = showProgress(process.stderr)
    const stopped = once(ending, 'abort').then(() => Promise.reject(ending.reason))
    try {
      // With --json, stdout carries only the JSON.
      const out = isJson ? process.stderr : process.stdout
      const job: Job = { database, config, progress, write: (text) => void out.write(`${text}\n`) }
      const report = await Promise.race([runOrder(job, order), stopped])
      if (isJson) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
      return 0
    } finally {
      progress.end()
      await database.close()
    }
  }
  return interruptible('corpus', work, order.command === 'status' ? '' : '; the same command resumes')
}

function runOrder(job: Job, order: CorpusOrder): Promise<CorpusReport> {
  if (order.command === 'status') return runStatus(job)
  if (order.command === 'generate') return runGenerate(job, { ...order, ...order.keeping })
  return runImport(job, { files: [...order.files], ...order.keeping })
}
