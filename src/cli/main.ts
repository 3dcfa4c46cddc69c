#!/usr/bin/env node
import { Command } from 'commander'
import { graders } from '../../graders/index.ts'
import { environment } from '../../schema/environment.ts'
import { tools } from '../../tools/index.ts'
import { version } from '../base/version.ts'
import { toolDefinitions } from '../kit/tool-definitions.ts'
import { readJsonGraders } from '../runtime/openai-graders/read-json-graders.ts'
import { readEnvironment } from '../server/config.ts'
import { datasetCommand } from './dataset.ts'
import { exportCommand } from './export.ts'
import { graderCommand } from './grader-command.ts'
import { jobCommand } from './job.ts'
import { learnCommand } from './learn.ts'
import { preflightCommand } from './preflight.ts'
import { regradeCommand } from './regrade-command.ts'
import { runProgram } from './run-program.ts'
import { simulateCommand } from './simulate.ts'
import { sqlCommand } from './sql-command.ts'
import { tokenCommand } from './token-command.ts'

/** The program: every command, with its help. Wrong usage ends with 2, a command that says no with 1, Ctrl-C with 130. */
function program(env: NodeJS.ProcessEnv): Command {
  const jsonGraders = () => readJsonGraders(new URL('../../graders/', import.meta.url))
  const { readItem, budget } = environment
  const toolNames = tools.map(({ name }) => name)
  const graderNames = () => [...graders.map(({ name }) => name), ...jsonGraders().map(({ name }) => name)]
  return new Command('scorekeeper')
    .description('The tool-and-reward server for agent reinforcement fine-tuning: its commands.')
    .version(version)
    .configureHelp({ sortSubcommands: true })
    .addCommand(datasetCommand({ readItem, tools: toolDefinitions(tools) }))
    .addCommand(exportCommand({ env, tools: toolDefinitions(tools) }))
    .addCommand(graderCommand({ env, graders, tools, jsonGraders }))
    .addCommand(jobCommand({ env, budget, tools: toolNames, graders: graderNames }))
    .addCommand(learnCommand(env))
    .addCommand(preflightCommand({ env, readItem, budget }))
    .addCommand(regradeCommand({ env, graders, jsonGraders }))
    .addCommand(simulateCommand(env))
    .addCommand(sqlCommand(env))
    .addCommand(tokenCommand(env))
    .addHelpText(
      'after',
      `
The server itself is started by npm run dev, or npm start. \`scorekeeper help COMMAND\` shows examples.
Exit codes: 0 done, 1 the check failed or the work could not be done, 2 wrong usage, 130 stopped with Ctrl-C.`,
    )
}

await runProgram(program(readEnvironment()))
