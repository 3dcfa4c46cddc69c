import { fileURLToPath } from 'node:url'
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { version } from '../base/version.ts'
import type { Environment } from '../kit/define.ts'
import type { Grader } from '../kit/define-grader.ts'
import type { ToolSource } from '../kit/remote-tools.ts'
import { readJsonGraders } from '../runtime/openai-graders/read-json-graders.ts'
import { configCommand } from './config-command.ts'
import { checkCommand } from './dataset/dataset-check.ts'
import type { DatasetDeps } from './dataset/dataset-files.ts'
import { prepareCommand } from './dataset/dataset-prepare.ts'
import { statsCommand } from './dataset/dataset-stats.ts'
import { demoCommand } from './demo/demo.ts'
import { graderCommand } from './grader-command.ts'
import { initCommand } from './init/init.ts'
import { exportCommand } from './ledger/export.ts'
import { migrateCommand } from './ledger/migrate.ts'
import { regradeCommand } from './ledger/regrade-command.ts'
import { rolloutsCommand, runsCommand } from './ledger/runs.ts'
import { sandboxesCommand } from './ledger/sandboxes.ts'
import { showCommand } from './ledger/show.ts'
import { sqlCommand } from './ledger/sql-command.ts'
import { tokenCommand } from './token-command.ts'
import { jobCommand } from './trainer/job.ts'
import { learnCommand } from './trainer/learn.ts'
import { createOfferedTools } from './trainer/offered-tools.ts'
import { preflightCommand } from './trainer/preflight.ts'
import { simulateCommand } from './trainer/simulate.ts'

/** What {@link createProgram} is given: one environment with its tools and graders, and where its files are. */
export interface ProgramOptions {
  readonly env: NodeJS.ProcessEnv
  /** The names of the variables that come from the `.env` file. */
  readonly fromFile: ReadonlySet<string>
  readonly environment: Pick<Environment<unknown, unknown, unknown>, 'budget' | 'readItem' | 'settings'> &
    Partial<Pick<Environment<unknown, unknown, unknown>, 'hooks' | 'sandboxes'>>
  readonly tools: readonly ToolSource[]
  readonly graders: readonly Grader[]
  /** The folder that contains `graders/` with its JSON files; ends with a slash. */
  readonly folder: URL
  /** The server's entry, which `--serve` starts. */
  readonly server: URL
  /** The folders in which `agents`, `learner` and the demo's `setup` are looked up when none are given, in this order. */
  readonly players: readonly URL[]
}

/** The program: every command, with its help. Wrong usage ends with 2, a failed check with 1, Ctrl-C with 130. */
export function createProgram({
  env,
  fromFile,
  environment,
  tools,
  graders,
  ...places
}: ProgramOptions): CommandUnknownOpts {
  const jsonGraders = () => readJsonGraders(new URL('graders/', places.folder))
  const { readItem, budget, settings } = environment
  const offered = createOfferedTools(tools, environment.settings, env)
  const graderNames = () => [...graders.map(({ name }) => name), ...jsonGraders().map(({ name }) => name)]
  const { players } = places
  const server = fileURLToPath(places.server)
  const deletion = { env, settings, makeHooks: environment.hooks }
  return new Command('scorekeeper')
    .description('The tool-and-reward server for agent reinforcement learning: its commands.')
    .version(version)
    .configureHelp({ sortSubcommands: true })
    .addCommand(configCommand({ env, fromFile, settings }))
    .addCommand(datasetCommand({ env, readItem, tools: offered.definitions }))
    .addCommand(demoCommand({ env, server, players }))
    .addCommand(exportCommand({ env, tools: offered.definitions }))
    .addCommand(
      graderCommand({
        env,
        settings,
        graders,
        tools: offered,
        budget,
        makeHooks: environment.hooks,
        jsonGraders,
        folder: fileURLToPath(new URL('graders', places.folder)),
      }),
    )
    .addCommand(initCommand())
    .addCommand(jobCommand({ env, budget, tools: offered.definitions, graders: graderNames }))
    .addCommand(learnCommand({ env, server, players }))
    .addCommand(migrateCommand(env))
    .addCommand(preflightCommand({ env, readItem, budget }))
    .addCommand(regradeCommand({ env, settings, graders, jsonGraders, folder: fileURLToPath(places.folder) }))
    .addCommand(rolloutsCommand(deletion))
    .addCommand(runsCommand(deletion))
    .addCommand(sandboxesCommand(env, environment.sandboxes ?? []))
    .addCommand(showCommand(env))
    .addCommand(simulateCommand({ env, server, players }))
    .addCommand(sqlCommand(env))
    .addCommand(tokenCommand(env))
    .addHelpText(
      'after',
      `
npm run dev or npm start starts the server itself. \`scorekeeper help COMMAND\` shows examples.
Exit codes: 0 done, 1 a check failed or the work could not be done, 2 wrong usage, 130 stopped with Ctrl-C.`,
    )
}

function datasetCommand(deps: DatasetDeps): CommandUnknownOpts {
  return new Command('dataset')
    .summary('check, prepare and measure a dataset')
    .description('Checks, prepares and measures a dataset: JSON Lines, plain or gzip, of any size.')
    .addCommand(checkCommand(deps))
    .addCommand(prepareCommand(deps))
    .addCommand(statsCommand(deps))
}
