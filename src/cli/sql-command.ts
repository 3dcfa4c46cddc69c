import { Command } from 'commander'
import { openServerDatabase } from '../postgres/open-database.ts'
import { loadConfig } from '../server/config.ts'
import { exitCodes } from './run-program.ts'

/** The command that reads from the server's database. */
export function sqlCommand(env: NodeJS.ProcessEnv): Command {
  return new Command('sql')
    .summary('read from the server’s database')
    .description(
      'Reads from the server’s database, that of DATABASE_URL or the embedded one, while the server runs or not: one ' +
        'query, which may not write. Its rows are printed as JSON, one a line.',
    )
    .argument('<query>', 'the query')
    .option('--json', 'print one list instead of a line a row')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper sql "select rollout_id, score, parts from grades order by id desc limit 5"
  npm run --silent sql -- "select seq, tool, outcome from tool_calls where rollout_id = '…' order by seq"
`,
    )
    .action(async (query: string, { json }: { json?: boolean }) => {
      try {
        await print(query, json === true, env)
      } catch (error) {
        process.stderr.write(`sql: ${error instanceof Error ? error.message : String(error)}\n`)
        process.exitCode = exitCodes.failed
      }
    })
}

async function print(query: string, isList: boolean, env: NodeJS.ProcessEnv): Promise<void> {
  const database = await openServerDatabase({ ...loadConfig(env), poolSize: 1 })
  try {
    const rows = await database.sql.begin('read only', (tx) => tx.unsafe(query))
    const text = isList ? `${JSON.stringify(rows)}\n` : rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    process.stdout.write(text)
  } finally {
    await database.close()
  }
}
