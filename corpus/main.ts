import { parseArgs } from 'node:util'
import { ConfigError, loadConfig, readEnvironment } from '../src/config.ts'
import { runCorpus } from './run-command.ts'

const help = `Fills the database with report pages for the tools search, list and cat.

  npm run corpus -- generate [--seed 1] [--pages 2800]   fictional pages, and questions about them
  npm run corpus -- import FILE…                         FinQA's JSON, or JSON Lines of pages or questions; plain or .gz
  npm run corpus -- status                               what is there

  --replace   empties the corpus first
  --mix       leaves fictional and imported pages side by side; without it an import removes the fictional ones, and
              generate refuses to add to imported ones

The database is that of DATABASE_URL, else the embedded one. Questions are written to DATA_DIR (.data) as datasets for
training. With EMBEDDINGS_URL and EMBEDDINGS_MODEL the pages get vectors too, and search becomes hybrid; without, it is
lexical. An import that was stopped is begun again by the same command. Exits with 1 when nothing in the files was of use.
`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      pages: { type: 'string' },
      replace: { type: 'boolean', default: false },
      mix: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [command, ...files] = positionals
  if (values.help || command === undefined) return void process.stdout.write(help)
  if (!['generate', 'import', 'status'].includes(command)) {
    throw new Error(`there is no "${command}"; it is generate, import or status`)
  }
  if (command === 'import' && files.length === 0) throw new Error('import needs the files to read')
  const seed = wholeNumber('--seed', values.seed)
  const pages = values.pages === undefined ? undefined : wholeNumber('--pages', values.pages)

  const config = loadConfig(readEnvironment())
  const keeping = { replace: values.replace, mix: values.mix }
  if (command === 'generate') await runCorpus({ command, seed, pages, keeping }, config)
  else if (command === 'import') await runCorpus({ command, files, keeping }, config)
  else await runCorpus({ command: 'status' }, config)
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${name} was "${text}"; it must be a whole number`)
  return Number(text)
}

await main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${error instanceof ConfigError ? message : `corpus: ${message}`}\n`)
  process.exitCode = 1
})
