import { Command, type CommandUnknownOpts, InvalidArgumentError } from '@commander-js/extra-typings'
import { version } from '../../base/version.ts'
import type { ToolDefinition } from '../../kit/define-tool.ts'
import { manifestText } from '../../workbench/dataset/manifest.ts'
import { prepareDataset } from '../../workbench/dataset/prepare.ts'
import { list, whole } from '../options.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { type DatasetDeps, sizeOf, toolsOf, toolsOptions, watched } from './dataset-files.ts'

const share = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1)) {
    throw new InvalidArgumentError('It must be a number from 0 up to, but not including, 1.')
  }
  return value
}

/** The command that writes the tools into each row, and splits training from validation. */
export function prepareCommand(deps: DatasetDeps): CommandUnknownOpts {
  const command = new Command('prepare')
    .summary('write the tools into each row, and split training from validation')
    .description(
      'Writes train.jsonl, validation.jsonl and manifest.json: the rows with the definitions of the tools, made from their ' +
        'zod schemas, split by item. Rows with the same messages stay together, and an item stays on its side when other ' +
        'items are added or removed. Nothing is written unless all rows can be used.',
    )
    .argument('<files...>', 'the rows')
    .requiredOption('--out <folder>', 'the folder to write to')
    .option('--validation-share <share>', 'the share of the items for validation, 0 for none', share, 0.2)
    .option('--seed <text>', 'the same seed splits the same', 'scorekeeper')
    .option('--tools <names>', 'only these tools, separated by commas (default: all)', list)
  return toolsOptions(command)
    .option('--replace-tools', 'replace tools that the server does not have, instead of refusing the row')
    .option('--drop-duplicates', 'remove rows with the same messages and reference as an earlier one')
    .option('--skip-bad', 'leave out rows that cannot be used, instead of writing nothing')
    .option('--show <n>', 'how many bad rows to name', whole, 10)
    .option('--json', 'print the manifest as JSON')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper dataset prepare questions.jsonl --out data
  scorekeeper dataset prepare old.jsonl new.jsonl.gz --out data --validation-share 0.1 --seed 7 --drop-duplicates

Exit code 1: a row cannot be used, each named by line and reason; nothing was written.
`,
    )
    .action(async (files, options, command) => {
      const size = sizeOf(files, command)
      process.exitCode = await interruptible('dataset prepare', async (signal) => {
        const { out, seed, validationShare, dropDuplicates = false, skipBad = false, replaceTools = false } = options
        const offered = await toolsOf(deps, options)
        const tools = pick(offered, options.tools, command)
        const settings = { files, out, seed, validationShare, dropDuplicates, skipBad, replaceTools, tools, offered }
        const { readItem } = deps
        const manifest = await watched('preparing', size, (onBytes) =>
          prepareDataset({ ...settings, readItem, mostNamed: options.show, version, signal, onBytes }),
        )
        process.stdout.write(`${options.json ? JSON.stringify(manifest, null, 2) : manifestText(manifest, out)}\n`)
        return 0
      })
    })
}

function pick(tools: readonly ToolDefinition[], names: readonly string[] | undefined, command: CommandUnknownOpts) {
  const known = tools.map((tool) => tool.function.name).join(', ')
  return (
    names?.map((name) => {
      const found = tools.find((tool) => tool.function.name === name)
      return (
        found ??
        command.error(`error: there is no tool ${name}; the tools are: ${known}`, { exitCode: exitCodes.usage })
      )
    }) ?? tools
  )
}
