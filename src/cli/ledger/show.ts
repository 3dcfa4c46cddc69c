import { writeFileSync } from 'node:fs'
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import type { Sql } from 'postgres'
import { stringifyExactly } from '../../base/exact-json.ts'
import { isRunName } from '../../base/run-name.ts'
import { rolloutPage } from '../../dashboard/rollout-page.ts'
import {
  type AttemptPlace,
  findAttempts,
  findNewestAttempt,
  readRolloutReport,
} from '../../ledger/reports/rollout-report.ts'
import { type OptionsOf, whole } from '../options.ts'
import { runName } from '../run-option.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { withServerDatabase } from './reading.ts'
import { showText } from './show-text.ts'

const examples = `
Examples:
  scorekeeper show --last                     the rollout that began last
  scorekeeper show trace_1                    its latest attempt
  scorekeeper show exp-7/12 --attempt 2       in a run
  scorekeeper show trace_1 --full             long texts whole
  scorekeeper show trace_1 --page rollout.html
  scorekeeper show trace_1 --json | jq '.calls[].tool'
`

type Options = OptionsOf<typeof commandWithOptions>

/** The command that shows what happened in a rollout. */
export function showCommand(env: NodeJS.ProcessEnv): CommandUnknownOpts {
  return commandWithOptions().action(async (rollout, options, command) => {
    if ((rollout === undefined) !== (options.last === true)) {
      return command.error('error: give the id of a rollout, or --last', { exitCode: exitCodes.usage })
    }
    if (options.last && options.attempt !== undefined) {
      return command.error('error: --last is one attempt; leave out --attempt', { exitCode: exitCodes.usage })
    }
    process.exitCode = await interruptible('show', () => show(rollout, options, env))
  })
}

function commandWithOptions() {
  return new Command('show')
    .summary('show what happened in a rollout')
    .description(
      'Shows what is recorded of a rollout: the item, each tool call with arguments, output, cause and time, and the ' +
        'gradings with parts and reasons. Reads from the server’s database, whether the server runs or not.',
    )
    .argument('[rollout]', 'the id of a rollout, or RUN/ID')
    .option('--last', 'the rollout that began last')
    .option('--run <name>', 'the run of the rollout', runName)
    .option('--attempt <n>', 'an earlier attempt (default: the latest)', whole)
    .option('--full', 'print long texts whole')
    .option('--json', 'print it as JSON')
    .option('--page <file>', 'write an HTML page that needs nothing else')
    .addHelpText('after', examples)
}

async function show(rollout: string | undefined, options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  const { json, page, full = false } = options
  return await withServerDatabase(env, async (sql) => {
    const place = await find(sql, rollout, options)
    const report = await readRolloutReport(sql, place)
    if (report === undefined) throw new Error(`the rollout "${place.rollout}" was deleted just now`)
    if (page !== undefined) writeFileSync(page, await rolloutPage(report))
    const isColoured = process.stdout.isTTY && !env['NO_COLOR']
    if (json) process.stdout.write(`${stringifyExactly(report)}\n`)
    else if (page === undefined) process.stdout.write(showText(report, { isColoured, isFull: full }))
    return 0
  })
}

/** The attempt that the options name. Throws an error that says what there is instead. */
async function find(sql: Sql, rollout: string | undefined, { run, attempt }: Options): Promise<AttemptPlace> {
  if (rollout === undefined) {
    const newest = await findNewestAttempt(sql, run)
    if (newest === undefined)
      throw new Error(run === undefined ? 'no rollout is recorded' : `the run "${run}" has no rollout`)
    return newest
  }
  const found = await search(sql, rollout, attempt, run)
  const [first, ...others] = found
  if (first === undefined) {
    const [other] = attempt === undefined ? [] : await search(sql, rollout, undefined, run)
    const where = run === undefined ? '' : ` in the run "${run}"`
    if (other === undefined) throw new Error(`no rollout "${rollout}" is recorded${where}`)
    throw new Error(
      `the rollout "${other.run}/${other.rollout}" has ${other.attempt} attempts, and no attempt ${attempt}`,
    )
  }
  if (others.length === 0) return first
  const places = found.slice(0, mostNamed).map((place) => `${place.run}/${place.rollout}`)
  const more = found.length > mostNamed ? ` and ${found.length - mostNamed} more` : ''
  throw new Error(`several runs have a rollout "${rollout}"; name one of them: ${places.join(', ')}${more}`)
}

const mostNamed = 10

/** An id may contain a slash, so `RUN/ID` is both an id and a place in a run. */
async function search(sql: Sql, text: string, attempt: number | undefined, run: string | undefined) {
  const found = await findAttempts(sql, { rollout: text, attempt, run })
  const slash = text.indexOf('/')
  const named = text.slice(0, slash)
  if (slash < 1 || run !== undefined || !isRunName(named)) return found
  return [...found, ...(await findAttempts(sql, { rollout: text.slice(slash + 1), attempt, run: named }))]
}
