import { Command, type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { readItems } from '../../workbench/simulate/agent.ts'
import { trainerWireOf, trainerWires } from '../../workbench/simulate/clients/clients.ts'
import { faults, faultsOf } from '../../workbench/simulate/deliver.ts'
import { playersAdvice } from '../../workbench/simulate/load-players.ts'
import { type OwnServer, startOwnServer } from '../../workbench/simulate/own-server.ts'
import type { RolloutSettings } from '../../workbench/simulate/play-rollout.ts'
import { randomFrom } from '../../workbench/simulate/random.ts'
import { runSimulation, type SimulationResult } from '../../workbench/simulate/run.ts'
import { simulationTable } from '../../workbench/simulate/table.ts'
import { targetOf } from '../../workbench/simulate/target.ts'
import { runOfTraces } from '../../workbench/simulate/trace.ts'
import { amount, findPlayers, header, type OptionsOf, share, someOf, trainerHeaders, whole } from '../options.ts'
import { chooseRun, runName } from '../run-option.ts'
import { exitCodes, interruptible } from '../run-program.ts'
import { type ModelCost, playersOf, playersOptions, playersProblem } from './players.ts'
import { rolloutProgress } from './rollout-progress.ts'

const examples = `
Examples:
  scorekeeper simulate http://localhost:8000 --dataset .data/finqa-dev.jsonl
  scorekeeper simulate http://localhost:8000 --dataset dev.jsonl --items 125 --group 4 --out run.jsonl
  scorekeeper simulate --serve --dataset dev.jsonl --fault duplicate,overlap,drop --kill-every 5
  scorekeeper simulate --serve --dataset dev.jsonl --wire nemo-gym
  OPENAI_API_KEY=… scorekeeper simulate http://localhost:8000 --dataset dev.jsonl --model gpt-5-mini --max-dollars 2

The key of the server comes from SCOREKEEPER_KEY (sent as "Authorization: Bearer …"), that of the model from OPENAI_API_KEY.
The same command with the same --out resumes. Exit code 1: rollouts were discarded, or a repeated request had another
answer.
`

/** What {@link simulateCommand} needs. */
export interface SimulateDeps {
  readonly env: NodeJS.ProcessEnv
  /** The path of the server's entry, for `--serve`. */
  readonly server: string
  /** The folders in which `agents` is looked up when `--agents` is not given. */
  readonly players: readonly URL[]
}

/** The command that plays a trainer against a server. */
export function simulateCommand({ env, server, players }: SimulateDeps): CommandUnknownOpts {
  return commandWithOptions().action(async (url, options, command) => {
    const problem = contradiction(url, options)
    if (problem !== undefined) return command.error(`error: ${problem}`, { exitCode: 2 })
    const { agents = findPlayers(players, 'agents'), model } = options
    if (agents === undefined && model === undefined) {
      return command.error(`error: ${playersAdvice.agents}; or --model NAME`, { exitCode: 2 })
    }
    process.exitCode = await run(url, { ...options, ...(agents !== undefined && { agents }) }, env, server)
  })
}

type Options = OptionsOf<typeof commandWithOptions>

function commandWithOptions() {
  const command = new Command('simulate')
    .summary('play training steps against a server, as a trainer does')
    .description(
      'Plays groups of rollouts against a server as a trainer does: bursts, parallel calls, retries with the same ids, ' +
        'gradings. Prints the result, for each agent and for all.',
    )
    .argument('[url]', 'the server; leave it out with --serve')
    .requiredOption('--dataset <file>', 'the items, JSON Lines, plain or gzip')
    .option('--agents <file>', 'a module that exports `agents`, such as example/agents.ts')
  return playersOptions(command)
    .option('--serve', 'start the server of this folder, and stop it at the end')
    .option('--items <n>', 'the first items of the dataset, this many', whole, 20)
    .option('--group <n>', 'rollouts of each item, for each agent', whole, 4)
    .option('--items-per-step <n>', 'items whose rollouts start together (default: all)', whole)
    .option(
      '--step-pause <seconds>',
      'the pause between steps: one over BURST_GAP_SECONDS makes each a burst',
      amount,
      0,
    )
    .option('--concurrency <n>', 'the most rollouts at the same time', whole, 500)
    .option('--max-steps <n>', 'max_episode_steps: the most steps of a rollout', whole, 20)
    .option('--grader <name>', 'the grader of /graders/NAME (default: that of /grade)', '')
    .option('--tools <path>', 'the path of the tools, {name} for the name', '/tools/{name}')
    .addOption(
      new Option('--wire <name>', 'the protocol of the trainer').choices(trainerWires).default('agent-rft' as const),
    )
    .option('--wire-path <path>', 'the path of the wire (default: /NAME; "" on a port of its own)')
    .option('--split <name>', 'with --wire ors: a split of the server, whose first rows are the items of --dataset')
    .option('--run <name>', 'the run that the rollouts belong to (default: simulate- and the time)', runName)
    .option('--header <header>', '"name: value", sent with every request; repeatable', header)
    .option('--timeout <seconds>', 'the timeout of a request', amount, 600)
    .option('--pause <seconds>', 'the pause before the first retry; it doubles with each retry', amount, 1)
    .option('--seed <text>', 'the same seed makes the same draws', 'scorekeeper')
    .option('--fault <kinds>', `some of ${faults.join(', ')}, separated by commas`, someOf(faults), [])
    .option('--fault-share <share>', 'the share of requests with a fault, 0 to 1', share, 0.1)
    .option('--kill-every <seconds>', 'kill and restart the server at this interval; needs --serve', amount)
    .option('--kills <n>', 'the most kills', whole)
    .option('--out <file>', 'write a trace of each rollout, one per line; resumes if the file exists')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
}

function contradiction(url: string | undefined, options: Options): string | undefined {
  if ((url === undefined) !== (options.serve === true)) return 'give either the address of a server or --serve'
  if (url !== undefined && !/^https?:/.test(url))
    return `the address was "${url}"; it must begin with http:// or https://`
  if (options.killEvery !== undefined && !options.serve)
    return '--kill-every needs --serve: only a server that the command started is killed'
  return playersProblem(options)
}

function run(address: string | undefined, options: Options, env: NodeJS.ProcessEnv, entry: string): Promise<number> {
  const resume = options.out === undefined ? '' : `; the same command resumes with ${options.out}`
  const work = (ending: AbortSignal) =>
    play(address, options, { env, entry, ending }).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : String(error)}${resume}`, { cause: error })
    })
  return interruptible('simulate', work, resume)
}

interface PlayDeps {
  readonly env: NodeJS.ProcessEnv
  /** The path of the server's entry, for `--serve`. */
  readonly entry: string
  readonly ending: AbortSignal
}

async function play(address: string | undefined, options: Options, { env, entry, ending }: PlayDeps) {
  let server: OwnServer | undefined
  try {
    const items = await readItems(options.dataset, options.items)
    const spent = new AbortController()
    const players = await playersOf(options, env, spent)
    const { agents } = players
    server = address === undefined ? await startOwnServer(entry, { ...env, PORT: '0' }) : undefined
    const earlier = options.out === undefined ? undefined : await runOfTraces(options.out)
    const { run = earlier, header } = options
    const chosen = chooseRun('simulate', { address, run, headers: header })
    const headers = { ...trainerHeaders(env, chosen.headers), ...chosen.runHeaders }
    process.stderr.write(`run ${chosen.run}\n`)
    const { tools, grader, group, concurrency, seed, itemsPerStep = items.length } = options
    const url = server?.url ?? address ?? ''
    const { wire, wirePath: path, split } = options
    const rollouts: RolloutSettings = {
      ...(await targetOf({ url, headers, tools, grader })),
      wire: await trainerWireOf(wire, { url, path, headers, split }),
      run: chosen.run,
      timeoutSeconds: options.timeout,
      pauseMs: options.pause * 1000,
      maxSteps: options.maxSteps,
      fault: faultsOf(options.fault, options.faultShare, randomFrom(seed, 'faults')),
    }
    const names = agents.map(({ name }) => name)
    const view = rolloutProgress(process.stderr, names, items.length * group)
    const plan = { agents, items, group, itemsPerStep, concurrency, stepPauseMs: options.stepPause * 1000, seed }
    const { killEvery: everySeconds, kills: most = Number.POSITIVE_INFINITY } = options
    const killed = server === undefined || everySeconds === undefined ? undefined : { server, everySeconds, most }
    const either = AbortSignal.any([ending, spent.signal])
    const result = await runSimulation(rollouts, plan, { out: options.out, view, killed }, either)
    print(chosen.run, result, players.spent(), options.json === true)
    return result.all.discarded > 0 || result.all.differences > 0 ? exitCodes.failed : 0
  } finally {
    await server?.stop()
  }
}

function print(
  run: string,
  { agents, all, kills }: SimulationResult,
  cost: ModelCost | undefined,
  isJson: boolean,
): void {
  if (isJson) {
    process.stdout.write(`${JSON.stringify({ run, agents: Object.fromEntries(agents), all, kills, cost }, null, 2)}\n`)
    return
  }
  process.stdout.write(`${simulationTable(agents, all)}\n`)
  if (kills > 0) process.stdout.write(`\nthe server was killed ${kills} times\n`)
  if (cost === undefined) return
  process.stdout.write(`\n${cost.inputTokens + cost.outputTokens} tokens, $${cost.dollars.toFixed(2)}\n`)
}
