import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { z } from 'zod'
import { openServerDatabase } from '../../postgres/open-database.ts'
import { readOnce } from '../../postgres/reader.ts'
import { loadConfig } from '../../server/config/config.ts'
import { runName } from '../run-option.ts'
import { exitCodes } from '../run-program.ts'

/** The command that reads from the server's database. */
export function sqlCommand(env: NodeJS.ProcessEnv): CommandUnknownOpts {
  return new Command('sql')
    .summary('read from the server’s database')
    .description(
      'Reads from the server’s database, that of DATABASE_URL or the embedded one, whether the server runs or not. It ' +
        'takes one statement, which can only read. The rows are printed as JSON, one on each line. rollouts, calls and ' +
        'gradings are views with the trainers’ ids: run, rollout_id, attempt.',
    )
    .argument('<query>', 'the query')
    .option('--run <name>', 'limit the views to one run', runName)
    .option('--json', 'print one list instead of one row on each line')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper sql "select rollout_id, score, parts from gradings order by id desc limit 5"
  npm run --silent sql -- "select seq, tool, outcome from calls where rollout_id = '…' order by seq"
  scorekeeper sql --run exp-7 "select outcome, count(*) from gradings group by outcome"
`,
    )
    .action(async (query, { json, run }) => {
      try {
        await print(query, { isList: json === true, run }, env)
      } catch (error) {
        process.stderr.write(`sql: ${error instanceof Error ? error.message : String(error)}\n`)
        process.exitCode = exitCodes.failed
      }
    })
}

interface Printing {
  readonly isList: boolean
  /** The run that the views show; undefined for all. */
  readonly run: string | undefined
}

async function print(query: string, { isList, run = '' }: Printing, env: NodeJS.ProcessEnv): Promise<void> {
  const database = await openServerDatabase({ ...loadConfig(env), poolSize: 1, migrates: false })
  try {
    const { columns, rows } = await readOnce(database.url, query, {
      // The views first: a person wants `rollouts` with the trainers' ids.
      search_path: 'ledger, "$user", public',
      'scorekeeper.run': run,
    })
    const names = distinct(columns)
    const lines = rows.map(
      (row) => `{${row.map((value, at) => `${JSON.stringify(names[at])}:${written(value)}`).join()}}`,
    )
    process.stdout.write(isList ? `[${lines.join()}]\n` : lines.map((line) => `${line}\n`).join(''))
  } finally {
    await database.close()
  }
}

/** Columns with the same name, as in a join, get a number: `id`, `id_2`. */
export function distinct(columns: readonly string[]): string[] {
  const taken = new Set(columns)
  const seen = new Set<string>()
  return columns.map((column) => {
    if (!seen.has(column)) {
      seen.add(column)
      return column
    }
    let number = 2
    while (taken.has(`${column}_${number}`)) number += 1
    taken.add(`${column}_${number}`)
    return `${column}_${number}`
  })
}

const jsonText = z.object({ json: z.string() })

/** A value as JSON: JSON of the database keeps its digits, and numbers that JSON does not have are written as text. */
function written(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value))
  const stored = jsonText.safeParse(value)
  // Without the white space between tokens; a string is taken whole.
  return stored.success ? stored.data.json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1') : JSON.stringify(value ?? null)
}
