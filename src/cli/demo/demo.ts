import { randomBytes } from 'node:crypto'
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { z } from 'zod'
import { isOpen } from '../../server/auth/authenticate.ts'
import { loadConfig } from '../../server/config/config.ts'
import { stopOnSignals } from '../../server/http/process-events.ts'
import type { DatasetItem } from '../../workbench/simulate/agent.ts'
import { readItems } from '../../workbench/simulate/agent.ts'
import { faultsOf } from '../../workbench/simulate/deliver.ts'
import { loadAgents, loadPlayers, playersAdvice } from '../../workbench/simulate/load-players.ts'
import { type OwnServer, startOwnServer } from '../../workbench/simulate/own-server.ts'
import { randomFrom } from '../../workbench/simulate/random.ts'
import { runSimulation } from '../../workbench/simulate/run.ts'
import { simulationTable } from '../../workbench/simulate/table.ts'
import { targetOf } from '../../workbench/simulate/target.ts'
import type { RolloutTrace } from '../../workbench/simulate/trace.ts'
import { findFile, findPlayers, whole } from '../options.ts'
import { addressInRun, chooseRun } from '../run-option.ts'
import { exitCodes } from '../run-program.ts'
import { rolloutProgress } from '../trainer/rollout-progress.ts'
import { whatNext } from './demo-next.ts'

/** The result of the `setup` of a demo. */
export interface DemoSetup {
  /** Environment variables for the server. */
  readonly env?: Readonly<Record<string, string>>
  /** The path of the dataset to play; without it, the one of `--dataset` or the `dataset.jsonl` next to the agents. */
  readonly dataset?: string
  /** Stops what was started; called when the demo ends. */
  close?(): Promise<void>
}

/** Prepares a demo before its server starts: loads data, starts services. A module exports it as `setup`. */
export type SetUpDemo = (env: NodeJS.ProcessEnv) => Promise<DemoSetup>

/** What {@link demoCommand} needs. */
export interface DemoDeps {
  readonly env: NodeJS.ProcessEnv
  /** The path of the server's entry. */
  readonly server: string
  /** The folders in which `agents`, `setup` and `dataset.jsonl` are looked up. */
  readonly players: readonly URL[]
}

const setupShape = z.looseObject({ setup: z.custom<SetUpDemo>((value) => typeof value === 'function') })

/** The command that starts the server on the embedded database, plays rollouts and leaves the server running. */
export function demoCommand(deps: DemoDeps): CommandUnknownOpts {
  return new Command('demo')
    .summary('start the server on the embedded database and play some rollouts')
    .description(
      'Starts the server on the embedded database, lets scripted agents play rollouts of a dataset over HTTP, prints the ' +
        'rewards, and leaves the server running.',
    )
    .option('--agents <file>', 'a module that exports `agents` (default: demo/agents.ts)')
    .option('--dataset <file>', 'JSON Lines, one item per row (default: demo/dataset.jsonl)')
    .option('--items <n>', 'how many items of the dataset', whole, 20)
    .option('--once', 'stop the server after the rollouts')
    .addHelpText('after', '\nExamples:\n  scorekeeper demo\n  scorekeeper demo --items 5 --once\n')
    .action(async (options, command) => {
      const agents = options.agents ?? findPlayers(deps.players, 'agents')
      if (agents === undefined) return command.error(`error: ${playersAdvice.agents}`, { exitCode: exitCodes.usage })
      await run({ ...options, agents }, deps)
    })
}

interface PlayedDemo {
  /** The path of the module with the agents. */
  readonly agents: string
  readonly dataset?: string
  readonly items: number
  readonly once?: true
}

/** What is stopped at the end, the latest first. */
type Stops = (() => Promise<void>)[]

async function run(options: PlayedDemo, deps: DemoDeps): Promise<void> {
  const stops: Stops = []
  let isStopping = false
  const stop = async () => {
    if (isStopping) return
    isStopping = true
    for (const one of stops.reverse()) await one()
  }
  stopOnSignals(stop, true)
  try {
    await play(options, deps, stops)
    // After a signal, its handler exits once everything has stopped.
    if (isStopping) return
    await stop()
    process.exit(0)
  } catch (error) {
    // After a signal, whatever was running fails, and the process is about to exit.
    if (isStopping) return
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
    await stop()
    process.exit(exitCodes.failed)
  }
}

async function play(options: PlayedDemo, deps: DemoDeps, stops: Stops): Promise<void> {
  const began = performance.now()
  const agents = await loadAgents(options.agents)
  print('Scorekeeper demo: scripted agents play rollouts over HTTP, and a grader scores them.\n')
  // The demo's rollouts and data belong into the embedded database, not into one that is configured.
  const given: NodeJS.ProcessEnv = { ...deps.env, DATABASE_URL: '' }
  const setup = await setUp(given, deps.players)
  stops.push(async () => setup.close?.())
  const env = { ...given, ...setup.env }
  const dataset = options.dataset ?? setup.dataset ?? findFile(deps.players, 'dataset.jsonl')
  if (dataset === undefined) throw new Error('give --dataset FILE, JSON Lines with one dataset row per line')
  const items = await readItems(dataset, options.items)

  const key = isOpen(loadConfig(env).auth) ? undefined : randomBytes(24).toString('hex')
  // No other client has a request on its way when a demo that plays once stops its server.
  const server = await start(deps.server, { ...env, ...(options.once && { DRAIN_SECONDS: '0.1' }) }, key)
  stops.push(() => server.stop())
  print(`Server: ${server.url}\n`)

  const { run, runHeaders } = chooseRun('demo', {})
  const headers = { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...runHeaders }
  const names = agents.map(({ name }) => name)
  const view = rolloutProgress(process.stdout, names, items.length)
  const traces: RolloutTrace[] = []
  const rollouts = {
    ...(await targetOf({ url: server.url, headers, tools: '/tools/{name}', grader: '' })),
    timeoutSeconds: 60,
    pauseMs: 200,
    maxSteps: 20,
    fault: faultsOf(['duplicate'], 0.1, randomFrom('demo')),
  }
  const { agents: played, all } = await runSimulation(
    rollouts,
    { agents, items, group: 1, itemsPerStep: items.length, concurrency: 8, seed: 'demo' },
    {
      view: {
        show(trace) {
          traces.push(trace)
          view.show(trace)
        },
        end: () => view.end(),
      },
    },
    new AbortController().signal,
  )
  print(`${simulationTable(played, all)}\n`)
  print(
    `${all.rollouts} rollouts in the run ${run}, ${all.calls} tool calls; ${all.repeats} requests were sent twice, as after a lost answer: ` +
      `${all.differences} answered differently.`,
  )
  print(`${((performance.now() - began) / 1000).toFixed(0)} s in all.\n`)
  if (options.once) return
  const shown = bestOf(traces, items)
  if (shown) print(whatNext({ url: addressInRun(server.url, run), key, ...shown }))
  await server.ended
}

async function setUp(env: NodeJS.ProcessEnv, players: readonly URL[]): Promise<DemoSetup> {
  const path = findPlayers(players, 'setup')
  return path === undefined ? {} : await (await loadPlayers(path, 'setup', setupShape)).setup(env)
}

/** Starts the server with a key for the demo if keys are configured, on another port if its own is taken. */
async function start(entry: string, env: NodeJS.ProcessEnv, key: string | undefined): Promise<OwnServer> {
  const keys = key === undefined ? {} : { API_KEYS: `${env['API_KEYS'] ?? ''} demo:tools+grade=${key}` }
  try {
    return await startOwnServer(entry, { ...env, ...keys })
  } catch (error) {
    if (!String(error).includes('EADDRINUSE')) throw error
    print(`Port ${loadConfig(env).port} is taken; the server takes another.`)
    return await startOwnServer(entry, { ...env, ...keys, PORT: '0' })
  }
}

/** The best rollout that called a tool, and its item. */
function bestOf(
  traces: readonly RolloutTrace[],
  items: readonly DatasetItem[],
): { readonly trace: RolloutTrace; readonly item: DatasetItem } | undefined {
  const called = traces.filter(({ calls }) => calls.length > 0)
  const [trace] = called.sort((a, b) => (b.reward ?? 0) - (a.reward ?? 0) || a.item - b.item)
  const item = trace && items[trace.item]
  return trace === undefined || item === undefined ? undefined : { trace, item }
}

const print = (text: string) => void process.stdout.write(`${text}\n`)
