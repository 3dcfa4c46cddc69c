import { writeFile } from 'node:fs/promises'
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { z } from 'zod'
import { readParts } from '../../ledger/reports/recorded-facts.ts'
import { openServerDatabase, type ServerDatabase } from '../../postgres/open-database.ts'
import { loadConfig } from '../../server/config/config.ts'
import { type Learner, type LearnPlan, type LearnStep, learn, type PartsOf } from '../../workbench/learn/learn.ts'
import { learnReport, stepLine } from '../../workbench/learn/lines.ts'
import { learnPage } from '../../workbench/learn/page.ts'
import { verdictOf } from '../../workbench/learn/verdict.ts'
import { readItems } from '../../workbench/simulate/agent.ts'
import { loadPlayers, playersAdvice } from '../../workbench/simulate/load-players.ts'
import { type OwnServer, startOwnServer } from '../../workbench/simulate/own-server.ts'
import { targetOf } from '../../workbench/simulate/target.ts'
import {
  amount,
  dashboardOf,
  findPlayers,
  header,
  type OptionsOf,
  serverAddress,
  trainerHeaders,
  whole,
} from '../options.ts'
import { chooseRun, runName } from '../run-option.ts'
import { exitCodes, interruptible } from '../run-program.ts'

const isLearner = (value: unknown) =>
  z
    .looseObject({ name: z.string(), choices: z.record(z.string(), z.array(z.string())), play: z.function() })
    .safeParse(value).success
const moduleShape = z.looseObject({
  learner: z.custom<Learner>(isLearner, 'must have a name, choices and a function play'),
})

const examples = `
Examples:
  scorekeeper learn --serve --dataset .data/generated-train.jsonl --validation .data/generated-dev.jsonl --page learn.html
  scorekeeper learn http://localhost:8000 --dataset train.jsonl --validation dev.jsonl --learner my-learner.ts --steps 20

The policy is a softmax over the named choices of a scripted agent, not a language model: it shows whether the reward can be
climbed, and what it leads to. With --serve, or --ledger for a server on this machine's DATABASE_URL, the parts of the scores
are read from the ledger; without them a hack looks like learning. Exit code 1: the reward did not rise, or the policy
found a hack.
`

/** What {@link learnCommand} needs. */
export interface LearnDeps {
  readonly env: NodeJS.ProcessEnv
  /** The path of the server's entry, for `--serve`. */
  readonly server: string
  /** The folders in which `learner` is looked up when `--learner` is not given. */
  readonly players: readonly URL[]
}

/** The command that trains a simulated policy on a server's rewards. */
export function learnCommand({ env, server, players }: LearnDeps): CommandUnknownOpts {
  return commandWithOptions().action(async (url, options, command) => {
    if ((url === undefined) !== (options.serve === true)) {
      return command.error('error: give either the address of a server or --serve', { exitCode: 2 })
    }
    const learner = options.learner ?? findPlayers(players, 'learner')
    if (learner === undefined) return command.error(`error: ${playersAdvice.learner}`, { exitCode: 2 })
    process.exitCode = await run(url, { ...options, learner }, env, server)
  })
}

type Options = OptionsOf<typeof commandWithOptions> & { readonly learner: string }

function commandWithOptions() {
  return new Command('learn')
    .summary('watch a small simulated policy learn from a server’s rewards')
    .description('Trains a simulated policy, not a language model, on the rewards of a server, and draws the result.')
    .argument('[url]', 'the server; leave it out with --serve')
    .requiredOption('--dataset <file>', 'the items to train on, JSON Lines, plain or gzip')
    .requiredOption('--validation <file>', 'the items to validate with, JSON Lines, plain or gzip')
    .option('--learner <file>', 'a module that exports `learner`, such as example/learner.ts')
    .option('--serve', 'start the server of this folder, and stop it at the end')
    .option('--ledger', 'read the parts of the scores from the database of DATABASE_URL, or the embedded one')
    .option('--grader <name>', 'the grader of /graders/NAME (default: that of /grade)', '')
    .option('--tools <path>', 'the path of the tools, {name} for the name', '/tools/{name}')
    .option('--run <name>', 'the run that the rollouts belong to (default: learn- and the time)', runName)
    .option('--header <header>', '"name: value", sent with every request; repeatable', header)
    .option('--part <name>', 'the part of the score that says whether an answer is right', 'answer')
    .option('--steps <n>', 'training steps', whole, 10)
    .option('--items <n>', 'items per step', whole, 16)
    .option('--group <n>', 'rollouts of each item', whole, 8)
    .option('--validation-items <n>', 'items to validate with', whole, 40)
    .option('--validate-every <n>', 'steps between two validations', whole, 2)
    .option('--rate <number>', 'the step size', amount, 3)
    .option('--concurrency <n>', 'the most rollouts at the same time', whole, 32)
    .option(
      '--step-pause <seconds>',
      'the pause between steps: one over BURST_GAP_SECONDS makes each a burst',
      amount,
      0,
    )
    .option('--max-steps <n>', 'the most steps of a rollout', whole, 20)
    .option('--seed <text>', 'the same seed makes the same draws', '1')
    .option('--page <file>', 'write the curves as a page of HTML')
    .option(
      '--dashboard <url>',
      'the server whose dashboard the page links to (default: the server that is trained on)',
      serverAddress,
    )
    .option('--json', 'print the steps and the verdict as JSON')
    .addHelpText('after', examples)
}

const run = (address: string | undefined, options: Options, env: NodeJS.ProcessEnv, entry: string): Promise<number> =>
  interruptible('learn', async (ending) => {
    let server: OwnServer | undefined
    let database: ServerDatabase | undefined
    try {
      const chosen = chooseRun('learn', { address, run: options.run, headers: options.header })
      const plan = await planOf(options)
      if (options.serve || options.ledger) database = await openServerDatabase({ ...loadConfig(env), poolSize: 2 })
      if (options.serve) server = await startOwnServer(entry, { ...env, PORT: '0' })
      const sql = database?.sql
      const partsOf: PartsOf | undefined = sql && ((rollouts) => readParts(sql, chosen.run, rollouts))
      const headers = { ...trainerHeaders(env, chosen.headers), ...chosen.runHeaders }
      process.stderr.write(`run ${chosen.run}\n`)
      const { tools, grader, maxSteps } = options
      const target = await targetOf({ url: server?.url ?? address ?? '', headers, tools, grader })
      const settings = {
        ...target,
        run: chosen.run,
        timeoutSeconds: 600,
        pauseMs: 500,
        fault: () => undefined,
        maxSteps,
      }
      const steps: LearnStep[] = []
      for await (const step of learn(settings, plan, partsOf, ending)) {
        steps.push(step)
        process.stderr.write(`${stepLine(step)}\n`)
      }
      const verdict = verdictOf(steps, options.part)
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ run: chosen.run, steps, verdict })}\n`
          : `\n${learnReport(steps, verdict)}\n`,
      )
      if (options.page !== undefined) {
        const dashboard = options.dashboard ?? address ?? dashboardOf(loadConfig(env))
        const about = `${plan.steps} steps of ${plan.itemsPerStep} items, ${plan.group} rollouts each; seed ${plan.seed}; ${grader ? `grader ${grader}` : 'the default grader'}.`
        await writeFile(options.page, await learnPage(steps, verdict, about, { run: chosen.run, server: dashboard }))
      }
      return verdict.kind === 'learned' ? 0 : exitCodes.failed
    } finally {
      await server?.stop()
      await database?.close()
    }
  })

async function planOf(options: Options): Promise<LearnPlan> {
  const { learner } = await loadPlayers(options.learner, 'learner', moduleShape)
  return {
    learner,
    train: await readItems(options.dataset, mostTrained),
    validation: await readItems(options.validation, options.validationItems),
    ...{
      steps: options.steps,
      itemsPerStep: options.items,
      group: options.group,
      validateEvery: options.validateEvery,
    },
    ...{ validationGroup: 2, rate: options.rate, concurrency: options.concurrency, seed: options.seed },
    stepPauseMs: options.stepPause * 1000,
  }
}

/** Items are drawn from this many first rows. */
const mostTrained = 5_000
