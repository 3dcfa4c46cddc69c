import { Command, type CommandUnknownOpts, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { ReadItem } from '../../kit/define.ts'
import { preflight } from '../../workbench/preflight/preflight.ts'
import { isPublicHost } from '../../workbench/preflight/recognise.ts'
import {
  preflightRewards,
  type RewardPreflightSettings,
  rewardWires,
} from '../../workbench/preflight/reward-preflight.ts'
import type { PreflightSettings, PreflightView } from '../../workbench/preflight/settings.ts'
import { totalOf, type Verdict, verdictText } from '../../workbench/preflight/verdict.ts'
import { preflightWire } from '../../workbench/preflight/wire-preflight.ts'
import { trainerWires } from '../../workbench/simulate/clients/clients.ts'
import { saysYes } from '../ask.ts'
import {
  address,
  amount,
  header,
  list,
  type OptionsOf,
  positive,
  share,
  toolArguments,
  trainerHeaders,
  whole,
  wholeOrZero,
} from '../options.ts'
import { progressView } from '../progress.ts'
import { chooseRun, runName } from '../run-option.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { playersOf, playersOptions, playersProblem } from './players.ts'

/** The parts of the user's environment that {@link preflightCommand} needs. */
export interface PreflightDeps {
  readonly env: NodeJS.ProcessEnv
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
  readonly budget: number | undefined
}

const examples = `
Examples:
  scorekeeper preflight http://localhost:8000 --dataset .data/generated-train.jsonl --validation .data/generated-dev.jsonl
  SCOREKEEPER_KEY=… scorekeeper preflight https://tools.example.com --dataset train.jsonl --agents example/agents.ts --yes
  scorekeeper preflight https://other.example.com --dataset train.jsonl --budget 20 --call 'search={"query":"revenue"}'
  scorekeeper preflight https://other.example.com --dataset train.jsonl --grader /v2/score     # or --no-grader
  scorekeeper preflight http://localhost:8000 --dataset train.jsonl --seconds 0 --burst 0      # without the load
  scorekeeper preflight http://localhost:8000 --dataset train.jsonl --wire nemo-gym            # one other protocol

Tools are really called: use --tool to exclude tools that must not be. Every trace_id that it sends begins with preflight_.
Exit code 0: no check failed. 1: a check failed. 2: wrong usage.
`

const longestTimeoutSeconds = 3_600

function timeout(text: string): number {
  const value = Number(text)
  if (value > 0 && value <= longestTimeoutSeconds) return value
  throw new InvalidArgumentError(`It must be a number, more than 0 and at most ${longestTimeoutSeconds}.`)
}

function scoreRange(text: string): readonly [number, number] {
  const [least, greatest, ...more] = list(text).map(Number)
  if (least !== undefined && greatest !== undefined && more.length === 0) {
    if (Number.isFinite(least) && Number.isFinite(greatest) && least < greatest) return [least, greatest]
  }
  throw new InvalidArgumentError('It must be the least score, a comma, and a greater score.')
}

/** The command that checks everything that can be checked before a training job. */
export function preflightCommand(deps: PreflightDeps): CommandUnknownOpts {
  return commandWithOptions().action(async (url, options, command) => {
    const problem = playersProblem(options)
    if (problem !== undefined) return command.error(`error: ${problem}`, { exitCode: 2 })
    process.exitCode = await run(url, options, deps)
  })
}

type Options = OptionsOf<typeof commandWithOptions>

function commandWithOptions() {
  const command = new Command('preflight')
    .summary('check a server, a dataset and a grader before you pay for a job')
    .description(
      'Checks what spoils training jobs, with a verdict (pass, warn, fail, skip), a reason and advice for each: the ' +
        'address, the key, every tool, retries, the budget, the grader, the dataset, a load.',
    )
    .argument('<url>', 'the address of the server, a Scorekeeper or another one', address)
    .requiredOption('--dataset <file>', 'the training set, JSON Lines, plain or gzip')
    .option('--validation <file>', 'the validation set')
    .option('--grader <name>', 'the grader at /graders/NAME, or at this path if it begins with / (default: /grade)', '')
    .option('--no-grader', 'the server has no grader: the trainer grades elsewhere')
    .option('--tools <path>', 'the path of tools, with {name} for the name', '/tools/{name}')
    .addOption(
      new Option('--wire <name>', 'the protocol to check; any but agent-rft is checked alone')
        .choices([...trainerWires, ...rewardWires])
        .default('agent-rft' as const),
    )
    .option('--wire-path <path>', 'the path of the wire (default: /NAME; "" on a port of its own)')
    .option('--run <name>', 'the run that the rollouts belong to (default: preflight- and the time)', runName)
    .option('--header <header>', '"name: value", sent with every request; may be repeated', header)
    .option('--tool <names>', 'call only these tools, separated by commas', list)
    .option('--call <tool=json>', 'the arguments to call a tool with; may be repeated', toolArguments)
    .option(
      '--budget <n>',
      'how many calls a rollout may make (default: for a Scorekeeper that of this project, else what is observed)',
      whole,
    )
    .option('--reference <field>', 'the item’s field with the right answer')
    .option('--range <least,most>', 'the range of the score', scoreRange, [0, 1])
    .option('--most <share>', 'the most that a degenerate answer may earn, as a share of the range', share, 0.25)
    .option('--rate <n>', 'requests a second of the steady load', positive, 50)
    .option('--seconds <n>', 'how long the steady load lasts; 0 for none', amount, 60)
    .option('--burst <n>', 'rollouts that start at the same time; 0 for none', wholeOrZero, 500)
    .option('--no-grade-load', 'a load of calls only: a grader that calls a judge costs money')
    .option('--max-p99 <seconds>', 'limit on the 99th percentile of response times at the steady rate', amount, 10)
    .option('--max-burst-p99 <seconds>', 'the same in the burst', amount, 60)
    .option('--max-errors <share>', 'the share of requests that may fail, 0 to 1', share, 0.001)
    .option('--agents <file>', 'a module that exports `agents`, which play a few rollouts of some items')
  return playersOptions(command)
    .option('--items <n>', 'how many items agents play', whole, 10)
    .option('--group <n>', 'how many rollouts each agent plays of each item', whole, 4)
    .option('--max-steps <n>', 'max_episode_steps: the maximum number of steps in a rollout', whole, 20)
    .option('--seed <text>', 'the same seed draws the same', 'scorekeeper')
    .option('--timeout <seconds>', 'the timeout of a request', timeout, 60)
    .option('--yes', 'do not ask before sending a load to a public address')
    .option('--json', 'print the verdicts as JSON')
    .addHelpText('after', examples)
}

const run = (url: string, options: Options, { env, readItem, budget: ownBudget }: PreflightDeps): Promise<number> =>
  interruptible('preflight', async (signal) => {
    const stop = new AbortController()
    const { agents } = await playersOf(options, env, stop)
    const { dataset, validation, tools, tool: only = [], call: calls = {}, budget, reference, range } = options
    const grader = options.grader === false ? undefined : options.grader
    const { timeout: timeoutSeconds, most: mostForNothing, items, group, maxSteps, seed } = options
    const { run, runHeaders, headers } = chooseRun('preflight', { ...options, address: url, headers: options.header })
    process.stderr.write(`run ${run}\n`)
    const settings: PreflightSettings = {
      url,
      runHeaders,
      dataset,
      validation,
      tools,
      grader,
      only,
      calls,
      budget,
      ownBudget,
      reference,
      range,
      mostForNothing,
      headers: trainerHeaders(env, headers),
      timeoutSeconds,
      readItem,
      isPublicHost,
      load: { ...options, isGraded: options.gradeLoad },
      baseline: { agents, items, group, maxSteps, seed },
      signal: AbortSignal.any([signal, stop.signal]),
    }
    const view = viewOf(options, signal)
    const { wire } = options
    const { verdicts, requests } =
      wire === 'agent-rft'
        ? await preflight(settings, view)
        : await overWire({ ...settings, wire, path: options.wirePath }, view)
    const total = totalOf(verdicts)
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ...total, run, requests, verdicts }, null, 2)}\n`
        : `\n${total.outcome}: ${total.passed} passed, ${total.warned} warnings, ${total.failed} failed, ${total.skipped} not known; ${requests.toLocaleString('en-US')} requests sent\n`,
    )
    return total.failed > 0 ? exitCodes.failed : 0
  })

/** A protocol beside Agent RFT. */
type OtherWire = Exclude<Options['wire'], 'agent-rft'>

async function overWire(
  { wire, ...settings }: Omit<Parameters<typeof preflightWire>[0], 'wire'> & { readonly wire: OtherWire },
  view: PreflightView,
) {
  const verdicts: Verdict[] = []
  const tell = (verdict: Verdict) => {
    verdicts.push(verdict)
    view.onVerdict(verdict)
  }
  const requests = isRewardWire(wire)
    ? await preflightRewards({ ...settings, wire }, tell)
    : await preflightWire({ ...settings, wire }, tell)
  return { verdicts, requests }
}

const isRewardWire = (wire: OtherWire): wire is RewardPreflightSettings['wire'] =>
  rewardWires.some((name) => name === wire)

function viewOf({ json, yes }: Options, signal: AbortSignal): PreflightView {
  const isColoured = process.stdout.isTTY === true && process.stdout.hasColors()
  return {
    onVerdict(verdict) {
      if (!json) process.stdout.write(`${verdictText(verdict, isColoured)}\n`)
    },
    onPlan(requests) {
      process.stderr.write(`At most ${requests.toLocaleString('en-US')} requests will be sent.\n`)
    },
    onLong(name, steps) {
      const view = progressView(process.stderr, { isPercent: true })
      return { add: view.bar(name, steps).add, end: view.end }
    },
    async mayLoad(host, requests) {
      if (yes) return true
      if (!process.stdin.isTTY || !process.stderr.isTTY) return false
      const question = `${host} is a public address. Send ${requests.toLocaleString('en-US')} requests to it now, some hundreds at once? [y/N] `
      return await saysYes(question, { input: process.stdin, output: process.stderr }, signal)
    },
  }
}
