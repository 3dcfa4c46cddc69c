import { Command, type CommandUnknownOpts, type OptionValues } from '@commander-js/extra-typings'
import { whole } from '../../src/cli/options.ts'
import { exitCodes } from '../../src/cli/run-program.ts'
import { loadConfig } from '../../src/server/config/config.ts'
import { type CorpusOrder, runCorpus } from './run-command.ts'

/** The command that fills the database with report pages for the example's tools. */
export function corpusCommand(env: NodeJS.ProcessEnv): CommandUnknownOpts {
  const filling = <Args extends unknown[], Options extends OptionValues>(command: Command<Args, Options>) =>
    command
      .option('--replace', 'empty the corpus first')
      .option('--mix', 'keep fictional and imported pages side by side')
      .option('--json', 'print the result as JSON')
  const run = async (order: CorpusOrder, json: boolean) => {
    try {
      const code = await runCorpus(order, loadConfig(env), json)
      // An interrupted command may still be waiting, for example for an embedding.
      if (code === exitCodes.interrupted) process.exit(code)
      process.exitCode = code
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      process.stderr.write(`${message}\n`)
      process.exitCode = exitCodes.failed
    }
  }
  return new Command('corpus')
    .summary('fill the database with report pages for search, list and cat')
    .description(
      'Fills the database, that of DATABASE_URL or the embedded one, with report pages for the tools search, list and ' +
        'cat. Questions are written to DATA_DIR (.data) as datasets for training.',
    )
    .addCommand(
      filling(new Command('generate'))
        .summary('fictional pages, and questions about them')
        .description('Generates fictional pages and questions about them. A second run changes nothing.')
        .option('--seed <n>', 'the same seed makes the same pages', whole, 1)
        .option('--pages <n>', 'how many pages (default: 2,800)', whole)
        .addHelpText('after', '\nExamples:\n  npm run corpus -- generate --pages 500\n')
        .action(async ({ seed, pages, replace = false, mix = false, json = false }) => {
          await run({ command: 'generate', seed, pages, keeping: { replace, mix } }, json)
        }),
    )
    .addCommand(
      filling(new Command('import'))
        .summary('pages and questions from files')
        .description(
          'Imports FinQA’s JSON, or JSON Lines of pages or questions, plain or gzip. Resumes after an interruption.',
        )
        .argument('<files...>', 'the files')
        .addHelpText('after', '\nExamples:\n  npm run corpus -- import train.json dev.json\n')
        .action(async (files, { replace = false, mix = false, json = false }) => {
          await run({ command: 'import', files, keeping: { replace, mix } }, json)
        }),
    )
    .addCommand(
      new Command('status')
        .summary('show what the database contains')
        .description('Shows which pages the database has and how search works on them.')
        .option('--json', 'print the status as JSON')
        .addHelpText('after', '\nExamples:\n  npm run corpus -- status\n')
        .action(({ json = false }) => run({ command: 'status' }, json)),
    )
}
