import { Command, type CommandUnknownOpts, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { ToolDefinition } from '../../kit/define-tool.ts'
import { openServerDatabase } from '../../postgres/open-database.ts'
import { loadConfig } from '../../server/config/config.ts'
import { openOutFile, writerTo } from '../../workbench/export/output.ts'
import { cursorText, type Exported, type ExportRun, exportRollouts, parseCursor } from '../../workbench/export/run.ts'
import { exportTensorBoard } from '../../workbench/export/tensorboard.ts'
import { number, type OptionsOf, someOf, whole } from '../options.ts'
import { type ProgressBar, progressView } from '../progress.ts'
import { runName } from '../run-option.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { asArgument, conditions, itemHash, timestamp } from '../trainer/rollout-options.ts'

/** What {@link exportCommand} needs. */
export interface ExportDeps {
  readonly env: NodeJS.ProcessEnv
  /** Reads the definitions of the tools that the server offers. */
  readonly tools: () => Promise<readonly ToolDefinition[]>
}

const outcomes = ['scored', 'ungradable', 'failed', 'open'] as const

const examples = `
Examples:
  scorekeeper export --since 7d > rollouts.jsonl
  scorekeeper export --format chat --best-of 1 --min-score 0.8 --out best.jsonl
  scorekeeper export --where "tool = search and part.answer = 1" --limit 100
  scorekeeper export --outcome ungradable,failed | jq -r '.gradings[-1].reason'
  scorekeeper export --rollout trace_1 | jq .
  scorekeeper export --run exp-1 --format tensorboard --out curves
  scorekeeper export --run exp-1 --after 2026-11-01T12:00:00.000Z/trace_1/17 >> rollouts.jsonl

At the end, and at Ctrl-C, stderr has the cursor of the last rollout: --after resumes there. With --out the same command
resumes by itself, whatever ended it. See docs/exporting.md.
`

/** A timestamp, and how it was written: `7d` is the same option tomorrow. */
const named = (text: string) => ({ text, at: timestamp(text) })

const place = (text: string) => asArgument(() => parseCursor(text))

const someOutcomes = (text: string) => {
  const found = someOf(outcomes)(text)
  if (found.length === 0) throw new InvalidArgumentError(`It must be some of ${outcomes.join(', ')}.`)
  return found
}

/** The command that writes recorded rollouts as JSON Lines. */
export function exportCommand(deps: ExportDeps): CommandUnknownOpts {
  return commandWithOptions().action(async (options, command) => {
    if (options.out !== undefined && options.after !== undefined) {
      return command.error('error: --out resumes by itself; leave out --after', { exitCode: 2 })
    }
    if (options.format === 'tensorboard') {
      const { run: name, out } = options
      if (name === undefined || out === undefined) {
        return command.error('error: --format tensorboard needs --run, and --out with a folder', { exitCode: 2 })
      }
      process.exitCode = await exportCurves(deps, name, out)
      return
    }
    process.exitCode = await run(deps, { ...options, format: options.format })
  })
}

type Options = OptionsOf<typeof commandWithOptions> & { readonly format: ExportRun['format'] }

/** Writes the curves of a run for TensorBoard. */
function exportCurves({ env }: ExportDeps, run: string, folder: string): Promise<number> {
  return interruptible('export', async () => {
    const database = await openServerDatabase({ ...loadConfig(env), poolSize: 1 })
    try {
      const { file, curves, points } = await exportTensorBoard(database.sql, run, folder)
      process.stderr.write(
        `${curves} curves with ${points} points in ${file}; show them: tensorboard --logdir ${folder}\n`,
      )
      return 0
    } finally {
      await database.close()
    }
  })
}

function commandWithOptions() {
  return new Command('export')
    .summary('write recorded rollouts as JSON Lines')
    .description(
      'Writes recorded rollouts from the server’s database, one line each, in the order of their gradings: item, tool calls, ' +
        'gradings and state, or chat messages for fine-tuning.',
    )
    .addOption(
      new Option('--format <format>', 'the format of a line')
        .choices(['trace', 'chat', 'tensorboard'])
        .default('trace'),
    )
    .option('--since <time>', 'rollouts graded since then: 2026-11-01, or 7d for seven days ago', named)
    .option('--until <time>', 'rollouts graded before then', named)
    .option('--run <name>', 'rollouts of one run (default: of all)', runName)
    .option('--rollout <id>', 'one rollout with all its attempts, whatever their outcomes')
    .option('--item <hash>', 'rollouts of one item, by its hash or the first digits of the hash', itemHash)
    .option('--grader <name>', 'the grader whose gradings count (default: any)')
    .option('--min-score <n>', 'the lowest score', number)
    .option('--max-score <n>', 'the highest score', number)
    .option(
      '--outcome <outcomes>',
      `some of ${outcomes.join(', ')} (default: all but open; scored for chat)`,
      someOutcomes,
    )
    .option('--where <conditions>', 'such as "calls < 5 and tool = search"; repeatable, all must hold', conditions)
    .option('--best-of <n>', 'the rollouts of each item with the highest scores, this many', whole)
    .option('--limit <n>', 'the most rollouts', whole)
    .option('--after <cursor>', 'resume after this cursor', place)
    .option('--out <file>', 'write to a file; resumes if the file exists')
    .option('--json', 'print the result as JSON, on stderr when the lines go to stdout')
    .addHelpText('after', examples)
}

function usualOutcomes({ format, rollout }: Options): readonly (typeof outcomes)[number][] {
  if (format === 'chat') return ['scored']
  return rollout === undefined ? ['scored', 'ungradable', 'failed'] : outcomes
}

function run(deps: ExportDeps, options: Options): Promise<number> {
  return interruptible('export', async (ending) => {
    const { format, out, json = false, since, until, run: inRun, rollout, item, grader } = options
    const { minScore, maxScore, where = [], bestOf, limit } = options
    const selected = { run: inRun, rollout, item, grader, minScore, maxScore, conditions: where, bestOf }
    const wanted = { ...selected, outcomes: options.outcome ?? usualOutcomes(options) }
    const asked = JSON.stringify({ format, since: since?.text, until: until?.text, limit, ...wanted })
    const tools = format === 'chat' ? await deps.tools() : []
    const file = out === undefined ? undefined : await openOutFile(out, asked)
    const left = limit === undefined ? undefined : limit - (file?.rollouts ?? 0)
    const filter = { since: since?.at, until: until?.at, limit: left, ...wanted }
    const after = file?.cursor === undefined ? options.after : parseCursor(file.cursor)
    const database = await openServerDatabase({ ...loadConfig(deps.env), poolSize: 1 })
    const stdout = writerTo(process.stdout)
    const write: ExportRun['write'] = async (text, lines, next, rollouts) => {
      if (file === undefined) return await stdout.write(text)
      await file.write(text, lines, next, rollouts)
      return true
    }
    const view = progressView(process.stderr)
    let bar: ProgressBar | undefined
    const watched = {
      onCount: (count: number) => {
        // With --json stderr has the JSON alone.
        if (json && file === undefined && !process.stderr.isTTY) return
        bar = view.bar('exporting', count)
      },
      onRollouts: (count: number) => bar?.add(count),
    }
    try {
      const done = await exportRollouts({ sql: database.sql, filter, format, tools, after, write, ending, ...watched })
      view.end()
      const { isCut, cursor = null, ...counts } = done
      const report = { ...counts, cursor, cut: isCut, ...(file && { out, lines_in_all: file.lines + done.lines }) }
      const to = json && out !== undefined ? process.stdout : process.stderr
      to.write(`${json ? JSON.stringify(report) : summaryOf(done, options)}\n`)
      if (ending.aborted) return exitCodes.interrupted
      if (rollout === undefined || done.lines > 0 || isCut) return 0
      process.stderr.write(
        `export: no rollout "${rollout}" was exported: it is not recorded, or the other options exclude it\n`,
      )
      return exitCodes.failed
    } finally {
      view.end()
      await file?.close()
      await database.close()
    }
  })
}

/** A transaction that has run for longer than this is mentioned. */
const longMs = 60_000

function summaryOf(done: Exported, { out, after }: Pick<Options, 'out' | 'after'>): string {
  const { lines, skipped, cursor, isCut, until } = done
  const count = lines.toLocaleString('en-US')
  if (isCut) {
    const again = after === undefined ? 'without --after' : `with --after ${cursorText(after)}`
    return (
      `the reader closed the output after ${count} rollouts or fewer: resume with --after and the cursor of the last line ` +
      `that you have, or start again ${again}`
    )
  }
  const left = Object.entries(skipped).map(([why, rollouts]) => `left out ${rollouts}: ${why}`)
  const next = out === undefined ? `resume with --after ${cursor}` : `the cursor is ${cursor}`
  const isHeld = Date.now() - Date.parse(until) > longMs
  const held = `a transaction in this database has been running since ${until}: later gradings are left for the next export`
  return [
    `${count} rollouts${out === undefined ? '' : ` in ${out}`}, recorded before ${until}`,
    ...left,
    ...(cursor === undefined ? [] : [next]),
    ...(isHeld ? [held] : []),
  ].join('\n')
}
