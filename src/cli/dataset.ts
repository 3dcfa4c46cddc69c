import { statSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { checkDataset } from '../dataset/check.ts'
import { checkLines } from '../dataset/check-lines.ts'
import { prepareDataset } from '../dataset/prepare.ts'
import { preparedLines } from '../dataset/prepared-lines.ts'
import { datasetStats } from '../dataset/stats.ts'
import { statsJson } from '../dataset/stats-json.ts'
import { statsLines } from '../dataset/stats-lines.ts'
import type { ReadItem } from '../define.ts'
import type { ToolDefinition } from '../openapi.ts'
import { version } from '../version.ts'
import { list, whole } from './options.ts'
import { progressView } from './progress.ts'
import { exitCodes, interruptible } from './run-program.ts'

/** What {@link datasetCommand} needs to know of the user's environment. */
export interface DatasetDeps {
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  /** The definitions of the tools that the server offers. */
  readonly tools: readonly ToolDefinition[]
}

const checkOptions = z.object({
  validation: z.array(z.string()).optional(),
  maxTokens: z.number(),
  show: z.number(),
  json: z.boolean().optional(),
})
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
const statsOptions = z.object({ json: z.boolean().optional() })

const share = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1)) {
    throw new InvalidArgumentError('It must be a number from 0 up to, but without, 1.')
  }
  return value
}

/** A row is an item and what it was asked with: files are JSON Lines, plain or gzip, of any size. */
export function datasetCommand(deps: DatasetDeps): Command {
  return new Command('dataset')
    .summary('check, prepare and measure a dataset')
    .description('Checks, prepares and measures a dataset: JSON Lines, plain or gzip, of any size.')
    .addCommand(checkCommand(deps))
    .addCommand(prepareCommand(deps))
    .addCommand(statsCommand(deps))
}

function checkCommand(deps: DatasetDeps): Command {
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

function prepareCommand(deps: DatasetDeps): Command {
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

function statsCommand(deps: DatasetDeps): Command {
  return new Command('stats')
    .summary('show what a dataset is made of')
    .description('Shows rows, tokens, messages, fields and references, with small histograms. Tokens are estimated.')
    .argument('<files...>', 'the rows')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Examples:
  scorekeeper dataset stats train.jsonl
  scorekeeper dataset stats train.jsonl.gz --json | jq .tokens
`,
    )
    .action(async (files: string[], given: unknown, command: Command) => {
      const { json } = statsOptions.parse(given)
      const size = sizeOf(files, command)
      process.exitCode = await interruptible('dataset stats', async (signal) => {
        const { readItem } = deps
        const stats = await watched('measuring', size, (onBytes) => datasetStats({ files, readItem, signal, onBytes }))
        process.stdout.write(`${json ? JSON.stringify(statsJson(stats), null, 2) : statsLines(stats)}\n`)
        return 0
      })
    })
}

async function watched<T>(what: string, size: number, work: (onBytes: (bytes: number) => void) => Promise<T>) {
  const view = progressView(process.stderr, what, size)
  try {
    return await work((bytes) => view.add(bytes))
  } finally {
    view.end()
  }
}

/** The size of files together, in bytes; ends the program with what is wrong about one that is none. */
function sizeOf(files: readonly string[], command: Command): number {
  return files.reduce((sum, file) => {
    const found = statSync(file, { throwIfNoEntry: false })
    if (found?.isFile()) return sum + found.size
    return command.error(`error: there is no file ${file}`, { exitCode: exitCodes.usage })
  }, 0)
}

function pick(tools: readonly ToolDefinition[], names: readonly string[], command: Command) {
  return names.map((name) => {
    const found = tools.find((tool) => tool.function.name === name)
    const known = tools.map((tool) => tool.function.name).join(', ')
    return found ?? command.error(`error: there is no tool ${name}; there are ${known}`, { exitCode: exitCodes.usage })
  })
}
