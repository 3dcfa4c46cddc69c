import { Command } from 'commander'
import { z } from 'zod'
import { describeIssues, showingValues } from '../base/issues.ts'
import type { ReadItem } from '../kit/define.ts'
import { totalOf, verdictLines } from '../workbench/preflight/lines.ts'
import { preflight } from '../workbench/preflight/preflight.ts'
import { isPublicHost } from '../workbench/preflight/public-host.ts'
import type { PreflightSettings, PreflightView } from '../workbench/preflight/settings.ts'
import { saysYes } from './ask.ts'
import { address, amount, header, list, toolArguments, trainerHeaders, whole, wholeOrNone } from './options.ts'
import { playersOf, playersOptions, playersProblem, playersShape } from './players.ts'
import { progressView } from './progress.ts'
import { exitCodes, interruptible } from './run-program.ts'

/** What {@link preflightCommand} needs to know of the user's environment. */
export interface PreflightDeps {
  readonly env: NodeJS.ProcessEnv
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  readonly budget: number | undefined
}

const optionsShape = playersShape.extend({
  dataset: z.string(),
  validation: z.string().optional(),
  grader: z.string(),
  tools: z.string(),
  header: z.record(z.string(), z.string()).optional(),
  tool: z.array(z.string()).default([]),
  call: z.record(z.string(), z.unknown()).default({}),
  budget: z.number().optional(),
  reference: z.string().optional(),
  range: z
    .tuple([z.number(), z.number()])
    .refine(([least, most]) => least < most, 'It must be the least score and then a greater one.'),
  most: z.number().max(1),
  rate: z.number().positive(),
  seconds: z.number(),
  burst: z.number(),
  gradeLoad: z.boolean(),
  maxP99: z.number(),
  maxBurstP99: z.number(),
  maxErrors: z.number().max(1),
  items: z.number(),
  group: z.number(),
  maxSteps: z.number(),
  seed: z.string(),
  timeout: z.number().positive().max(3600),
  yes: z.boolean().optional(),
  json: z.boolean().optional(),
})
type Options = z.infer<typeof optionsShape>

const examples = `
Examples:
  scorekeeper preflight http://localhost:8000 --dataset .data/generated-train.jsonl --validation .data/generated-dev.jsonl
  SCOREKEEPER_KEY=… scorekeeper preflight https://tools.example.com --dataset train.jsonl --agents example/agents.ts --yes
  scorekeeper preflight https://other.example.com --dataset train.jsonl --budget 20 --call 'search={"query":"revenue"}'
  scorekeeper preflight http://localhost:8000 --dataset train.jsonl --seconds 0 --burst 0      # without the load

Tools are really called: leave out with --tool what must not be. Whatever it sends has a trace_id that begins with
preflight_. Exit code 0: nothing failed. 1: something did. 2: the command is wrong.
`

/** The command that goes through everything that can be known before a training job. */
export function preflightCommand(deps: PreflightDeps): Command {
  const command = new Command('preflight')
    .summary('check a server, a dataset and a grader before a job is paid for')
    .description(
      'Goes through what spoils training jobs, one verdict each (pass, warn, fail, skip), with why and what to do: the ' +
        'address, the key, every tool, retries, the budget, the grader, the dataset, a load.',
    )
    .argument('<url>', 'the server, Scorekeeper or another one', address)
    .requiredOption('--dataset <file>', 'the training set, JSON Lines, plain or gzip')
    .option('--validation <file>', 'the validation set')
    .option('--grader <name>', 'the grader of /graders/NAME (default: that of /grade)', '')
    .option('--tools <path>', 'where tools are, {name} for the name', '/tools/{name}')
    .option('--header <header>', '"name: value", sent with every request; may be given again', header)
    .option('--tool <names>', 'call these tools alone, separated by commas', list)
    .option('--call <tool=json>', 'what a tool is called with; may be given again', toolArguments)
    .option(
      '--budget <n>',
      'how many calls a rollout may make (default: of a Scorekeeper that of this folder, else what is seen)',
      whole,
    )
    .option('--reference <field>', 'the item’s field that says what is right')
    .option('--range <least,most>', 'the range of the score', (text) => list(text).map(Number), [0, 1])
    .option('--most <share>', 'the most that an answer which says nothing may earn, of the range', amount, 0.25)
    .option('--rate <n>', 'requests a second of the steady load', amount, 50)
    .option('--seconds <n>', 'how long the steady load lasts; 0 for none', amount, 60)
    .option('--burst <n>', 'rollouts that start in one moment; 0 for none', wholeOrNone, 500)
    .option('--no-grade-load', 'a load of calls alone: a grader that asks a judge costs money')
    .option('--max-p99 <seconds>', 'the longest that 99 of 100 answers may take at the steady rate', amount, 10)
    .option('--max-burst-p99 <seconds>', 'the same in the burst', amount, 60)
    .option('--max-errors <share>', 'the share of requests that may fail, 0 to 1', amount, 0.001)
    .option('--agents <file>', 'a module that exports `agents`: they play a few rollouts of some items')
  return playersOptions(command)
    .option('--items <n>', 'items that agents play', whole, 10)
    .option('--group <n>', 'rollouts of each item, for each agent', whole, 4)
    .option('--max-steps <n>', 'max_episode_steps: the steps of a rollout', whole, 20)
    .option('--seed <text>', 'the same seed draws the same', 'scorekeeper')
    .option('--timeout <seconds>', 'how long an answer may take', amount, 60)
    .option('--yes', 'do not ask before a load on a public address')
    .option('--json', 'print the verdicts as JSON')
    .addHelpText('after', examples)
    .action(async (url: string, given: unknown, command: Command) => {
      const options = optionsShape.safeParse(given, showingValues)
      if (!options.success) return command.error(`error: ${describeIssues(options.error)}`, { exitCode: 2 })
      const problem = playersProblem(options.data)
      if (problem !== undefined) return command.error(`error: ${problem}`, { exitCode: 2 })
      process.exitCode = await run(url, options.data, deps)
    })
}

const run = (url: string, options: Options, { env, readItem, budget: ownBudget }: PreflightDeps): Promise<number> =>
  interruptible('preflight', async (signal) => {
    const stop = new AbortController()
    const { agents } = await playersOf(options, env, stop)
    const { dataset, validation, tools, grader, tool: only, call: calls, budget, reference, range } = options
    const { timeout: timeoutSeconds, most: mostForNothing, items, group, maxSteps, seed } = options
    const settings: PreflightSettings = {
      ...{ url, dataset, validation, tools, grader, only, calls, budget, ownBudget, reference, range, mostForNothing },
      ...{
        headers: trainerHeaders(env, options.header),
        timeoutSeconds,
        readItem,
        isPublicHost,
        load: { ...options, isGraded: options.gradeLoad },
      },
      baseline: { agents, items, group, maxSteps, seed },
      signal: AbortSignal.any([signal, stop.signal]),
    }
    const { verdicts, requests } = await preflight(settings, viewOf(options, signal))
    const total = totalOf(verdicts)
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ...total, requests, verdicts }, null, 2)}\n`
        : `\n${total.outcome}: ${total.passed} passed, ${total.warned} warnings, ${total.failed} failed, ${total.skipped} not known; ${requests.toLocaleString('en-US')} requests sent\n`,
    )
    return total.failed > 0 ? exitCodes.failed : 0
  })

function viewOf({ json, yes }: Options, signal: AbortSignal): PreflightView {
  const isColoured = process.stdout.isTTY === true && process.stdout.hasColors()
  return {
    onVerdict(verdict) {
      if (!json) process.stdout.write(`${verdictLines(verdict, isColoured)}\n`)
    },
    onPlan(requests) {
      process.stderr.write(`At most ${requests.toLocaleString('en-US')} requests will be sent.\n`)
    },
    onLong(name, steps) {
      const view = progressView(process.stderr, { isPercent: true })
      return { add: view.bar(name, steps).add, end: view.end }
    },
    async mayPress(host, requests) {
      if (yes) return true
      if (!process.stdin.isTTY || !process.stderr.isTTY) return false
      const question = `${host} is a public address. Send it ${requests.toLocaleString('en-US')} requests now, some hundreds at once? [y/N] `
      return await saysYes(question, { input: process.stdin, output: process.stderr }, signal)
    },
  }
}
