import { closeSync, openSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import type { TransactionSql } from 'postgres'
import { type Grader, gradersWithSettings } from '../../kit/define-grader.ts'
import type { SettingsReader } from '../../kit/settings.ts'
import { createLedger } from '../../ledger/ledger.ts'
import { changedCode } from '../../ledger/reports/recorded-facts.ts'
import { comparedRows, withComparison } from '../../ledger/reports/regrading-comparison.ts'
import type { GraderCode } from '../../ledger/reports/regrading-filter.ts'
import { readReport } from '../../ledger/reports/regrading-report.ts'
import { countSubjects } from '../../ledger/reports/regrading-subjects.ts'
import { openServerDatabase, type ServerDatabase } from '../../postgres/open-database.ts'
import { withCodeHashes } from '../../runtime/code-hash.ts'
import type { JsonGrader } from '../../runtime/openai-graders/json-grader.ts'
import { loadSettings } from '../../server/config/config.ts'
import { csvHead, csvLine } from '../../workbench/regrade/csv.ts'
import { short, whole } from '../../workbench/regrade/format.ts'
import { reportPage } from '../../workbench/regrade/page.ts'
import { runRegrading } from '../../workbench/regrade/run.ts'
import { graderServices, servedGraders } from '../../workbench/regrade/services.ts'
import { reportTable } from '../../workbench/regrade/table.ts'
import { dashboardOf, dashboardOption, type OptionsOf, serverAddress, wholeUpTo } from '../options.ts'
import { progressView } from '../progress.ts'
import { runName } from '../run-option.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { conditions, itemHash, timestamp } from '../trainer/rollout-options.ts'

/** What {@link regradeCommand} needs. */
export interface RegradeDeps {
  readonly env: NodeJS.ProcessEnv
  /** Reads the settings of the environment. */
  readonly settings: Pick<SettingsReader<unknown>, 'read'>
  readonly graders: readonly Grader[]
  /** The graders in JSON files; read when the command runs. */
  readonly jsonGraders: () => readonly JsonGrader[]
  /** The path of the folder that contains `graders/`, for the hashes of the graders' code. */
  readonly folder: string
}

const examples = `
Examples:
  npm run regrade -- --grader finqa
  npm run regrade -- --grader finqa --since 7d --page regrade.html
  npm run regrade -- --grader finqa --where "score < 0.5 and tool = search" --limit 500 --csv regrade.csv
  npm run regrade -- --grader finqa --where outcome=failed --dry-run

After an interruption the same command resumes. See docs/regrading.md.
`

const pageSize = 1_000
const rowsAtOnce = 500

/**
 * The command that grades recorded rollouts again. Sets the exit code: 1 for an error, 130 when it was interrupted; the same
 * command then resumes.
 */
export function regradeCommand(deps: RegradeDeps): CommandUnknownOpts {
  return regradeWithOptions().action(async (options) => {
    const work = (ending: AbortSignal, stopping: AbortSignal) => regrade(deps, options, { ending, stopping })
    process.exitCode = await interruptible('regrade', work)
  })
}

type RegradeOptions = OptionsOf<typeof regradeWithOptions>

/** The command with its options, without an action. */
export function regradeWithOptions() {
  return new Command('regrade')
    .summary('re-grade recorded rollouts with today’s code, and see what changed')
    .description(
      'Re-grades recorded rollouts with today’s code of a grader and shows what changed. The new gradings are recorded ' +
        'in addition to those that the trainer received, which do not change.',
    )
    .option('--grader <name>', 'the grader (default: the first of the list)')
    .option('--run <name>', 'rollouts of one run (default: of all)', runName)
    .option('--since <time>', 'rollouts graded since then: 2026-11-01, or 7d for seven days ago', timestamp)
    .option('--until <time>', 'rollouts graded before then', timestamp)
    .option('--item <hash>', 'rollouts of one item, by its hash or the first digits of the hash', itemHash)
    .option('--where <conditions>', 'such as "score < 0.5 and tool = search"; repeatable, all must hold', conditions)
    .option('--limit <n>', 'the oldest rollouts, this many, run by run', wholeUpTo(999_999_999))
    .option('--concurrency <n>', 'the most gradings at the same time', wholeUpTo(1_000), 32)
    .option('--movers <n>', 'the largest changes to show, this many', wholeUpTo(1_000), 10)
    .option('--json', 'print the report as JSON')
    .option('--csv <file>', 'write one row per rollout')
    .option('--page <file>', 'write the report as a page of HTML')
    .option(...dashboardOption, serverAddress)
    .option('--dry-run', 'count what would be graded, without grading')
    .addHelpText('after', examples)
}

async function regrade(
  { env, settings: reader, graders, jsonGraders, folder }: RegradeDeps,
  options: RegradeOptions,
  { ending, stopping }: { readonly ending: AbortSignal; readonly stopping: AbortSignal },
): Promise<number> {
  const { config, settings } = loadSettings(env, reader)
  const { run, since, until, item, where = [], limit } = options
  const filter = { run, since, until, item, conditions: where, limit }
  // Before the work: a file that cannot be written is reported first.
  for (const file of [options.csv, options.page]) if (file !== undefined) closeSync(openSync(file, 'a'))
  const served = servedGraders(
    config,
    gradersWithSettings(await withCodeHashes(graders, folder), settings),
    jsonGraders(),
    say,
  )
  const grader = options.grader === undefined ? served[0] : served.find(({ name }) => name === options.grader)
  if (grader === undefined) {
    throw new Error(
      `there is no grader "${options.grader}"; the graders are: ${served.map(({ name }) => name).join(', ')}`,
    )
  }
  const code = { grader: grader.name, version: grader.version, codeHash: grader.codeHash ?? null }
  const database = await openServerDatabase(config)
  try {
    await reportCode(database, code)
    const count = await countSubjects(database.sql, code, filter)
    if (options.dryRun) {
      const waiting = count.all - count.done
      const summary = `${whole(count.all)} recorded samples; ${whole(count.done)} have a score of this code, ${whole(waiting)} would be graded`
      write(options.json ? JSON.stringify({ subjects: count.all, scored: count.done, waiting }) : summary)
      return 0
    }
    const view = progressView(process.stderr)
    const bar = view.bar('grading', count.all, count.done)
    let done = count.done
    try {
      await runRegrading({
        sql: database.sql,
        ledger: createLedger({ ...database, budget: undefined, now: Date.now }),
        grader,
        code,
        filter,
        services: graderServices(config, database, stopping),
        concurrency: options.concurrency,
        pageSize,
        ending: ending,
        onRegraded: () => {
          done += 1
          bar.set(done)
        },
      })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`${why}; what was graded is recorded, and the same command resumes`, { cause: error })
    } finally {
      view.end()
    }
    say(`${whole(done - count.done)} graded now, ${whole(count.done)} already had a score of this code`)
    if (ending.aborted) {
      say('interrupted: what was graded is recorded, and the same command resumes')
      return exitCodes.interrupted
    }
    const dashboard = options.dashboard ?? dashboardOf(config)
    await withComparison(database.sql, code, filter, (tx) => report(tx, grader, code, options, dashboard))
    return 0
  } finally {
    await database.close()
  }
}

async function reportCode({ sql, where }: ServerDatabase, code: GraderCode): Promise<void> {
  const { grader, version, codeHash } = code
  say(`${grader}, version ${version}, code ${short(codeHash)}; ${where}`)
  const before = await changedCode(sql, code)
  if (before === undefined) return
  say(
    `ATTENTION: the code of "${grader}" changed, and its version "${version}" did not: the trainer's latest grading was ` +
      `made by code ${short(before)}. Give it another version.`,
  )
}

async function report(
  tx: TransactionSql,
  grader: Grader,
  code: GraderCode,
  options: RegradeOptions,
  dashboard: string | undefined,
): Promise<void> {
  const [least, greatest] = grader.range
  const isNarrow = greatest - least < 1e6
  const found = await readReport(tx, code, options.movers, isNarrow ? grader.range : undefined)
  if (options.csv !== undefined) await writeCsv(tx, options.csv)
  if (options.page !== undefined) await writeFile(options.page, await reportPage(found, new Date(), dashboard))
  write(options.json ? JSON.stringify(found, null, 2) : reportTable(found))
  for (const file of [options.csv, options.page]) if (file !== undefined) say(`written: ${file}`)
}

async function writeCsv(tx: TransactionSql, path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.write(csvHead)
    for await (const rows of comparedRows(tx, rowsAtOnce)) await file.write(rows.map(csvLine).join(''))
  } finally {
    await file.close()
  }
}

const write = (text: string) => void process.stdout.write(`${text}\n`)
const say = (line: string) => void process.stderr.write(`${line}\n`)
