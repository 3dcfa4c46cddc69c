import { loadConfig, readEnvironment } from '../config.ts'
import { openServerDatabase } from '../open-server-database.ts'

const help = `Reads from the server's database, that of DATABASE_URL or the embedded one, while the server runs or not.

  npm run sql -- "select rollout_id, score, parts from grades order by id desc limit 5"
`

/** Runs one query in a transaction that may not write, and prints its rows, one a line as JSON. */
async function main(query: string | undefined): Promise<void> {
  if (query === undefined || query === '-h' || query === '--help') return void process.stdout.write(help)
  const database = await openServerDatabase({ ...loadConfig(readEnvironment()), poolSize: 1 })
  try {
    const rows = await database.sql.begin('read only', (tx) => tx.unsafe(query))
    for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
  } finally {
    await database.close()
  }
}

await main(process.argv[2]).catch((error: unknown) => {
  process.stderr.write(`sql: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
