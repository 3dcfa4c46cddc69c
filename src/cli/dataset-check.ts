import { Command } from 'commander'
import { z } from 'zod'
import { checkDataset } from '../workbench/dataset/check.ts'
import { checkLines } from '../workbench/dataset/check-lines.ts'
import { type DatasetDeps, sizeOf, watched } from './dataset-files.ts'
import { whole } from './options.ts'
import { exitCodes, interruptible } from './run-program.ts'

const checkOptions = z.object({
  validation: z.array(z.string()).optional(),
  maxTokens: z.number(),
  show: z.number(),
  json: z.boolean().optional(),
})

/** The command that says what a trainer, or the grader, would not like about a dataset. */
export function checkCommand(deps: DatasetDeps): Command {
  return new Command('check')
    .summary('say what a trainer, or your grader, would not like about a dataset')
    .description(
      'Checks every row for itself (JSON, messages, reference, tools, size) and all together (how many, duplicates, items ' +
        'in training and in validation). Each check passes, warns or fails, and says why and what to do.',
    )
    .argument('<files...>', 'the training set')
    .option('--validation <file>', 'the validation set; may be given again', (file, before: string[] = []) => [
      ...before,
      file,
    ])
    .option('--max-tokens <n>', 'warn of rows with more tokens, estimated', whole, 32_000)
    .option('--show <n>', 'how many bad rows to name for each check', whole, 5)
    .option('--json', 'print the verdicts as JSON')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper dataset check train.jsonl --validation validation.jsonl
  scorekeeper dataset check part-*.jsonl.gz --json | jq '.verdicts[] | select(.outcome == "fail")'

Exit code 0: no check failed (some may warn). 1: a check failed. 2: a file is not there, or the command is wrong.
`,
    )
    .action(async (files: string[], given: unknown, command: Command) => {
      const { validation, maxTokens, show, json } = checkOptions.parse(given)
      const size = sizeOf([...files, ...(validation ?? [])], command)
      process.exitCode = await interruptible('dataset check', async (signal) => {
        const settings = { ...deps, files, validation, mostTokens: maxTokens, mostNamed: show }
        const report = await watched('checking', size, (onBytes) => checkDataset({ ...settings, signal, onBytes }))
        const isColoured = process.stdout.isTTY === true && process.stdout.hasColors()
        process.stdout.write(`${json ? JSON.stringify(report, null, 2) : checkLines(report, isColoured)}\n`)
        return report.outcome === 'fail' ? exitCodes.failed : 0
      })
    })
}
