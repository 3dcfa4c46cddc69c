import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { openServerDatabase } from '../../postgres/open-database.ts'
import { loadConfig } from '../../server/config/config.ts'
import { progressView } from '../progress.ts'
import { exitCodes } from '../run-program.ts'

/** The command that prepares the database before a server starts. Sets the exit code: 1 for an error. */
export function migrateCommand(env: NodeJS.ProcessEnv): CommandUnknownOpts {
  return new Command('migrate')
    .summary('apply the migrations of the server’s database')
    .description(
      'Applies the migrations that the server’s database does not have yet, as each start of a server does. The rows of a ' +
        'ledger from before runs and attempts are moved to its new tables, which may take minutes. After an interruption ' +
        'the same command, or the next start, resumes. Servers that start meanwhile wait until it is done.',
    )
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper migrate
  npm run --silent scorekeeper -- migrate
`,
    )
    .action(async () => {
      try {
        await applyMigrations(env)
      } catch (error) {
        process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}\n`)
        process.exitCode = exitCodes.failed
      }
    })
}

async function applyMigrations(env: NodeJS.ProcessEnv): Promise<void> {
  const view = progressView(process.stderr, { isAnnounced: true })
  let bar: ReturnType<typeof view.bar> | undefined
  let rows = 0
  const database = await openServerDatabase({
    ...loadConfig(env),
    poolSize: 1,
    onTakeover({ done, total }) {
      bar ??= view.bar('taking over the ledger’s rows', total, done)
      bar.set(done, `${Math.floor((done / Math.max(1, total)) * 100)} %`)
      rows = total
    },
  }).finally(() => view.end())
  await database.close()
  const taken = rows > 0 ? `; ${rows} rows of the ledger were taken over` : ''
  process.stdout.write(`${database.where} has all migrations${taken}\n`)
}
