import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { datasetStats } from '../../workbench/dataset/stats.ts'
import { statsJson, statsText } from '../../workbench/dataset/stats-report.ts'
import { interruptible } from '../run-program.ts'
import { type DatasetDeps, sizeOf, watched } from './dataset-files.ts'

/** The command that measures a dataset. */
export function statsCommand(deps: DatasetDeps): CommandUnknownOpts {
  return new Command('stats')
    .summary('measure a dataset: sizes, tokens, fields, references')
    .description('Shows rows, tokens, messages, fields and references, with small histograms. Tokens are estimated.')
    .argument('<files...>', 'the rows')
    .option('--json', 'print the measures as JSON')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper dataset stats train.jsonl
  scorekeeper dataset stats train.jsonl.gz --json | jq .tokens
`,
    )
    .action(async (files, { json }, command) => {
      const size = sizeOf(files, command)
      process.exitCode = await interruptible('dataset stats', async (signal) => {
        const { readItem } = deps
        const stats = await watched('measuring', size, (onBytes) => datasetStats({ files, readItem, signal, onBytes }))
        process.stdout.write(`${json ? JSON.stringify(statsJson(stats), null, 2) : statsText(stats)}\n`)
        return 0
      })
    })
}
