import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { checkDataset } from '../../workbench/dataset/check.ts'
import { verdictsText } from '../../workbench/dataset/findings.ts'
import { whole } from '../options.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { type DatasetDeps, sizeOf, toolsOf, toolsOptions, watched } from './dataset-files.ts'

const appended = (value: string, before: readonly string[] = []) => [...before, value]

/** The command that reports what a trainer or the grader would reject in a dataset. */
export function checkCommand(deps: DatasetDeps): CommandUnknownOpts {
  const command = new Command('check')
    .summary('report what a trainer, or your grader, would reject in a dataset')
    .description(
      'Checks every row on its own (JSON, messages, reference, labels, tools, size) and all rows together (how many, ' +
        'duplicates, items in both training and validation). Each check passes, warns, fails or is skipped, and says why ' +
        'and what to do.',
    )
    .argument('<files...>', 'the training set')
    .option('--validation <file>', 'the validation set; may be repeated', appended)
    .option('--max-tokens <n>', 'warn about rows with more tokens, estimated', whole, 32_000)
    .option(
      '--ignore-field <field>',
      'a field of the reference whose value may occur in the messages; may be repeated',
      appended,
    )
  return toolsOptions(command)
    .option('--show <n>', 'how many bad rows each check names', whole, 5)
    .option('--json', 'print the verdicts as JSON')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper dataset check train.jsonl --validation validation.jsonl
  scorekeeper dataset check train.jsonl --tools-from https://tools.example.com --ignore-field company
  scorekeeper dataset check part-*.jsonl.gz --json | jq '.verdicts[] | select(.outcome == "fail")'

Exit code 0: no check failed (some may warn). 1: a check failed. 2: a file does not exist, or the usage is wrong.
`,
    )
    .action(async (files, options, command) => {
      const { validation, maxTokens, ignoreField, show, json } = options
      const size = sizeOf([...files, ...(validation ?? [])], command)
      process.exitCode = await interruptible('dataset check', async (signal) => {
        const { readItem } = deps
        const tools = await toolsOf(deps, options)
        const rules = { readItem, tools, mostTokens: maxTokens, mostNamed: show, ignoredFields: ignoreField }
        const report = await watched('checking', size, (onBytes) =>
          checkDataset({ ...rules, files, validation, signal, onBytes }),
        )
        const isColoured = process.stdout.isTTY === true && process.stdout.hasColors()
        const text = json ? JSON.stringify(report, null, 2) : verdictsText(report.verdicts, report.outcome, isColoured)
        process.stdout.write(`${text}\n`)
        return report.outcome === 'fail' ? exitCodes.failed : 0
      })
    })
}
