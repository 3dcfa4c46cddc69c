import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import type { Sql } from 'postgres'
import { visible } from '../../dashboard/components/page.ts'
import { durationText, scoreText, timeText } from '../../dashboard/rollout-view.ts'
import {
  type OpenAttempt,
  type OpenAttempts,
  type RunSummary,
  readOpenAttempts,
  readRuns,
  setRunTitle,
} from '../../ledger/reports/runs.ts'
import { whole } from '../options.ts'
import { runName } from '../run-option.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { type DeletionDeps, deleteRecorded } from './deletion.ts'
import { withServerDatabase } from './reading.ts'

const examples = `
Examples:
  scorekeeper runs                        the runs, the one that was used last first
  scorekeeper runs --open                 rollouts that have not ended, or wait for their release
  scorekeeper runs title exp-7 "lower temperature"
  scorekeeper runs delete exp-7           ends its rollouts and deletes everything in it
`

/** The command that lists runs, gives them titles and deletes them. */
export function runsCommand(deps: DeletionDeps): CommandUnknownOpts {
  const { env } = deps
  return new Command('runs')
    .summary('list runs, give them titles, delete them')
    .description('Lists the runs in the server’s database, whether the server runs or not.')
    .option('--run <name>', 'one run', runName)
    .option('--open', 'list rollouts that have not been released, the oldest first')
    .option('--most <n>', 'how many of those to list', whole, 50)
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples)
    .action(async ({ run, open, most, json = false }) => {
      process.exitCode = await withDatabase(env, async (sql) => {
        const found = open ? await readOpenAttempts(sql, run, most) : await readRuns(sql, run)
        const text = 'counts' in found ? openTable(found) : runsTable(found)
        process.stdout.write(`${json ? JSON.stringify(found) : text}\n`)
        return 0
      })
    })
    .addCommand(titleCommand(env))
    .addCommand(
      new Command('delete')
        .summary('delete a run with everything in it')
        .description(
          'Ends the rollouts of a run that are open, with the environment’s end hook, and deletes the run with its items, ' +
            'rollouts, calls, gradings and rows. It may be used while the server runs, once the job has ended.',
        )
        .argument('<name>', 'the run', runName)
        .option('--yes', 'delete without asking')
        .action(async (run, { yes = false }) => {
          process.exitCode = await deleteRecorded('runs', deps, { run, isConfirmed: yes })
        }),
    )
}

function titleCommand(env: NodeJS.ProcessEnv) {
  return new Command('title')
    .summary('give a run a title')
    .argument('<name>', 'the run', runName)
    .argument('<text>', 'the title; an empty one removes it')
    .action(async (run, text) => {
      process.exitCode = await withDatabase(env, async (sql) => {
        if (await setRunTitle(sql, run, text.trim() === '' ? null : text.trim())) return 0
        process.stderr.write(`runs: no run "${run}" is recorded\n`)
        return exitCodes.failed
      })
    })
}

/** The command that deletes one rollout. */
export function rolloutsCommand(deps: DeletionDeps): CommandUnknownOpts {
  return new Command('rollouts').summary('delete a rollout').addCommand(
    new Command('delete')
      .summary('delete a rollout with all its attempts')
      .description(
        'Ends a rollout if it is open, with the environment’s end hook, and deletes it with its calls, gradings and rows.',
      )
      .argument('<id>', 'the rollout')
      .option('--run <name>', 'its run', runName, 'default')
      .option('--yes', 'delete without asking')
      .action(async (rollout, { run, yes = false }) => {
        process.exitCode = await deleteRecorded('rollouts', deps, { run, rollout, isConfirmed: yes })
      }),
  )
}

const withDatabase = (env: NodeJS.ProcessEnv, work: (sql: Sql) => Promise<number>): Promise<number> =>
  interruptible('runs', () => withServerDatabase(env, work))

function runsTable(runs: readonly RunSummary[]): string {
  if (runs.length === 0) return 'no run is recorded'
  const share = (part: number, { rollouts }: RunSummary) =>
    part === 0 ? '–' : `${((part / rollouts) * 100).toFixed(part * 100 < rollouts ? 1 : 0)} %`
  return textTable(
    [
      ['run'],
      ['rollouts', 'right'],
      ['scored', 'right'],
      ['mean', 'right'],
      ['failed', 'right'],
      ['ungradable', 'right'],
      ['open', 'right'],
      ['first'],
      ['last'],
      ['title'],
    ],
    runs.map((one) => [
      one.run,
      one.rollouts.toLocaleString('en-US'),
      one.scored.toLocaleString('en-US'),
      one.mean === null ? '–' : scoreText(Number(one.mean.toFixed(3))),
      share(one.failed, one),
      share(one.ungradable, one),
      one.open.toLocaleString('en-US'),
      one.first === null ? '–' : timeText(one.first),
      one.last === null ? '–' : timeText(one.last),
      visible(one.title ?? ''),
    ]),
  )
}

const stages = {
  open: 'open',
  due: 'due',
  ending: 'being released',
  waiting: 'waiting for release',
} as const

function openTable({ counts, oldest }: OpenAttempts): string {
  const total = counts.open + counts.due + counts.ending + counts.waiting
  if (total === 0) return 'no rollout is open'
  const summary = `${counts.open} open, ${counts.due} due, ${counts.ending} being released, ${counts.waiting} waiting for release`
  const table = textTable(
    [
      ['rollout'],
      ['attempt', 'right'],
      ['stage'],
      ['ends'],
      ['began'],
      ['calls', 'right'],
      ['running', 'right'],
      ['wire'],
    ],
    oldest.map((one) => [
      visible(`${one.run}/${one.rollout}`),
      String(one.attempt),
      `${stages[one.stage]}${one.graded_at === null ? '' : ', graded'}`,
      endText(one, Date.now()),
      timeText(one.created_at),
      String(one.calls),
      String(one.running),
      visible(one.wire ?? ''),
    ]),
  )
  const more = total > oldest.length ? [`and ${total - oldest.length} more; --most lists more of them`] : []
  return [summary, '', table, ...more].join('\n')
}

function endText({ ended_at, due_at }: OpenAttempt, now: number): string {
  if (ended_at !== null) return `ended ${timeText(ended_at)}`
  const left = Date.parse(due_at) - now
  return left >= 0 ? `in ${durationText(left)}` : `${durationText(-left)} ago`
}

/** A column: its heading and alignment. */
type TextColumn = readonly [heading: string, align?: 'left' | 'right']

/**
 * A table for the terminal, with two spaces between columns. A last column without any text is left out.
 *
 * @example textTable([['run'], ['rollouts', 'right']], [['default', '12']])
 */
function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string {
  const shown = columns.filter((_, at) => at < columns.length - 1 || rows.some((row) => row[at]))
  const widths = shown.map(([heading], at) => Math.max(heading.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    shown
      .map(([, align = 'left'], at) => {
        const cell = cells[at] ?? ''
        return align === 'right' ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)
      })
      .join('  ')
      .trimEnd()
  return [line(shown.map(([heading]) => heading)), ...rows.map(line)].join('\n')
}
