import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { version } from '../base/version.ts'
import type { ToolDefinition } from '../kit/tool-definitions.ts'
import { prepareDataset } from '../workbench/dataset/prepare.ts'
import { preparedLines } from '../workbench/dataset/prepared-lines.ts'
import { type DatasetDeps, sizeOf, watched } from './dataset-files.ts'
import { list, whole } from './options.ts'
import { exitCodes, interruptible } from './run-program.ts'

const prepareOptions = z.object({
  out: z.string(),
  validationShare: z.number(),
  seed: z.string(),
  tools: z.array(z.string()).optional(),
  dropDuplicates: z.boolean().optional(),
  skipBad: z.boolean().optional(),
  show: z.number(),
  json: z.boolean().optional(),
})

const share = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1)) {
    throw new InvalidArgumentError('It must be a number from 0 up to, but without, 1.')
  }
  return value
}

/** The command that puts the tools into each row, and splits training from validation. */
export function prepareCommand(deps: DatasetDeps): Command {
  return new Command('prepare')
    .summary('put the tools into each row, and split training from validation')
    .description(
      'Writes train.jsonl, validation.jsonl and manifest.json: the rows with the definitions of the tools, made from their ' +
        'zod schemas, split by item. Rows with the same messages stay together, and an item stays on its side when others ' +
        'come or go. Nothing is written unless all rows can be used.',
    )
    .argument('<files...>', 'the rows')
    .requiredOption('--out <folder>', 'where to write')
    .option('--validation-share <share>', 'the share of the items for validation, 0 for none', share, 0.2)
    .option('--seed <text>', 'the same seed splits the same', 'scorekeeper')
    .option('--tools <names>', 'these tools alone, separated by commas (default: all)', list)
    .option('--drop-duplicates', 'leave out rows with the same messages and reference as one before')
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
    .action(async (files: string[], given: unknown, command: Command) => {
      const options = prepareOptions.parse(given)
      const tools = options.tools === undefined ? deps.tools : pick(deps.tools, options.tools, command)
      const size = sizeOf(files, command)
      process.exitCode = await interruptible('dataset prepare', async (signal) => {
        const { out, seed, validationShare, dropDuplicates = false, skipBad = false, show } = options
        const settings = { files, out, seed, validationShare, dropDuplicates, skipBad, mostNamed: show, version }
        const manifest = await watched('preparing', size, (onBytes) =>
          prepareDataset({ ...settings, tools, readItem: deps.readItem, signal, onBytes }),
        )
        process.stdout.write(`${options.json ? JSON.stringify(manifest, null, 2) : preparedLines(manifest, out)}\n`)
        return 0
      })
    })
}

function pick(tools: readonly ToolDefinition[], names: readonly string[], command: Command) {
  return names.map((name) => {
    const found = tools.find((tool) => tool.function.name === name)
    const known = tools.map((tool) => tool.function.name).join(', ')
    return found ?? command.error(`error: there is no tool ${name}; there are ${known}`, { exitCode: exitCodes.usage })
  })
}
