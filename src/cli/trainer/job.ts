import { readFileSync } from 'node:fs'
import { Command, type CommandUnknownOpts, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { z } from 'zod'
import { describeIssues, showingValues } from '../../base/issues.ts'
import type { ToolDefinition } from '../../kit/define-tool.ts'
import { checkGrader } from '../../runtime/openai-graders/check-grader.ts'
import { jobRefusals } from '../../runtime/openai-graders/job-refusals.ts'
import { jobHeaders, masked } from '../../workbench/job/headers.ts'
import { type GraderPlan, type JobPlan, jobAddress, jobBody, jobWarnings } from '../../workbench/job/job-body.ts'
import { answerFormat, hyperparameterNames, hyperparameters, platforms } from '../../workbench/job/platform-formats.ts'
import { address, header, list, nonEmpty, number, type OptionsOf, whole } from '../options.ts'
import { addressInRun, chooseRun, runName, runOfAddress } from '../run-option.ts'
import { exitCodes } from '../run-program.ts'

/** The parts of the user's environment that {@link jobCommand} needs. */
export interface JobDeps {
  readonly env: NodeJS.ProcessEnv
  /** Reads the definitions of the tools that the server offers. */
  readonly tools: () => Promise<readonly ToolDefinition[]>
  /** The names of the served graders, the default one first; read when the command runs. */
  readonly graders: () => readonly string[]
  /** How many calls a rollout may make; undefined for no limit. */
  readonly budget: number | undefined
}

const longestSuffix = 64

const examples = `
Examples:
  scorekeeper job --for openai --url https://tools.example.com --training-file file-1 --validation-file file-2
  scorekeeper job --for azure --url https://tools.example.com --training-file file-1 --validation-file file-2 \\
    --resource https://mine.openai.azure.com --compute-multiplier 1.5 --reasoning-effort medium
  scorekeeper job --for openai … --header 'x-functions-key: \${FUNCTIONS_KEY}' --show-secrets > job.json

The key of the server comes from SCOREKEEPER_KEY (as "Authorization: Bearer …"), or from the variables that --header
names. Header values are masked unless --show-secrets is given. Nothing is sent: the body goes to stdout; the address and
warnings go to stderr. Exit code 2: a value is out of range, or a named tool, grader or file does not exist.
`

/** The command that prints the body of a training job. */
export function jobCommand(deps: JobDeps): CommandUnknownOpts {
  const command = commandWithOptions()
  for (const name of hyperparameterNames) {
    command.option(`--${name.replaceAll('_', '-')} <value>`, `the hyperparameter ${name}`)
  }
  return command.action(async (options) => {
    try {
      const tools = (await deps.tools()).map((tool) => tool.function.name)
      print(options, planOf(options, hyperparametersOf(command), { ...deps, tools }), deps)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      command.error(`error: ${message}`, { exitCode: exitCodes.usage })
    }
  })
}

type Options = OptionsOf<typeof commandWithOptions>

function commandWithOptions() {
  return new Command('job')
    .summary('print the body of a training job')
    .description('Prints the body of a reinforcement fine-tuning job: tools, grader, hyperparameters. Sends nothing.')
    .addOption(new Option('--for <platform>', 'the training platform').choices(platforms).makeOptionMandatory())
    .requiredOption('--url <url>', 'the public address of the server', address)
    .requiredOption('--training-file <id>', 'the id of the uploaded training set', nonEmpty)
    .option('--validation-file <id>', 'the id of the uploaded validation set')
    .option('--model <name>', 'the model to train', nonEmpty, 'o4-mini-2025-04-16')
    .option('--suffix <text>', 'a suffix for the name of the trained model', suffix)
    .option('--job-seed <n>', 'the job’s seed', whole)
    .option('--run <name>', 'the run that the rollouts belong to (default: job- and the time)', runName)
    .option('--grader <name>', 'the grader at /graders/NAME (default: that of /grade)')
    .option('--grader-file <file>', 'a JSON file with a grader that the platform runs itself')
    .option('--rate-limit <n>', 'the maximum number of gradings a second', whole, 50)
    .option('--pass-threshold <score>', 'answers with this score or more count as passed', number)
    .option('--tools <names>', 'only these tools, separated by commas (default: all)', list)
    .option('--tool-path <path>', 'the path of tools, with {name} for the name', absolutePath, '/tools/{name}')
    .option('--header <header>', '"name: value" for tools and grader; may be repeated', header)
    .option('--max-episode-steps <n>', 'the maximum number of steps in a rollout (default: the budget of calls)', whole)
    .option('--response-format <file>', 'a JSON Schema for the answers')
    .option('--resource <url>', 'the address of the Azure resource', httpsAddress)
    .option('--api-version <version>', 'Azure’s api-version (default: preview if the job needs it)')
    .option('--show-secrets', 'print the headers unmasked')
    .option('--json', 'print address, body and warnings as one JSON document')
    .addHelpText('after', examples)
}

function suffix(text: string): string {
  if (text.length <= longestSuffix) return text
  throw new InvalidArgumentError(`It must have at most ${longestSuffix} characters.`)
}

function absolutePath(text: string): string {
  if (text.startsWith('/')) return text
  throw new InvalidArgumentError('It must begin with /.')
}

function httpsAddress(text: string): string {
  if (text.startsWith('https://')) return address(text)
  throw new InvalidArgumentError('It must be an address that begins with https://.')
}

function planOf(
  options: Options,
  given: Readonly<Record<string, unknown>>,
  { env, tools, graders, budget }: Omit<JobDeps, 'tools'> & { readonly tools: readonly string[] },
): JobPlan {
  const { maxEpisodeSteps = budget ?? 10 } = options
  return {
    platform: options.for,
    model: options.model,
    suffix: options.suffix,
    seed: options.jobSeed,
    trainingFile: options.trainingFile,
    validationFile: options.validationFile,
    url: addressInRun(options.url, runOf(options)),
    toolPath: options.toolPath,
    maxEpisodeSteps,
    tools: options.tools === undefined ? tools : options.tools.map((name) => known('tool', name, tools)),
    headers: jobHeaders(options.header ?? {}, env),
    grader: graderOf(options, graders()),
    answerFormat:
      options.responseFormat === undefined
        ? undefined
        : valid(answerFormat, readJson(options.responseFormat), options.responseFormat),
    hyperparameters: valid(hyperparameters, given, 'hyperparameters'),
  }
}

const runOf = ({ url, run, header }: Options): string => chooseRun('job', { address: url, run, headers: header }).run

function graderOf({ grader, graderFile, rateLimit, passThreshold }: Options, names: readonly string[]): GraderPlan {
  if (graderFile !== undefined) {
    if (grader !== undefined) throw new Error('give --grader or --grader-file, and not both')
    const shape = z.looseObject({ type: z.string(), name: z.string() })
    return { kind: 'written', grader: valid(shape, readJson(graderFile), graderFile) }
  }
  const name = known('grader', grader ?? names[0] ?? '', names)
  return { kind: 'endpoint', name, rateLimit, ...(passThreshold !== undefined && { passThreshold }) }
}

/** Texts that read as numbers become numbers; the schema checks the ranges. */
function hyperparametersOf(command: CommandUnknownOpts): Readonly<Record<string, unknown>> {
  const entries = hyperparameterNames.flatMap((name): [string, unknown][] => {
    const value = command.getOptionValue(name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()))
    if (typeof value !== 'string') return []
    return [[name, value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value]]
  })
  return Object.fromEntries(entries)
}

function print(options: Options, plan: JobPlan, { budget }: JobDeps): void {
  const target = jobAddress(plan, options.resource, options.apiVersion)
  const body = options.showSecrets ? jobBody(plan) : masked(jobBody(plan))
  const hidden = !options.showSecrets && Object.keys(plan.headers).length > 0
  const warnings = [
    ...jobWarnings(plan, budget),
    ...(plan.grader.kind === 'written' ? graderWarnings(plan.grader.grader) : []),
    ...(hidden ? ['header values are masked: --show-secrets prints them'] : []),
  ]
  const run = runOfAddress(plan.url)
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ method: 'POST', address: target, run, body, warnings }, null, 2)}\n`)
    return
  }
  process.stdout.write(`${JSON.stringify(body, null, 2)}\n`)
  process.stderr.write(`\nPOST ${target}\nrun ${run}\n${warnings.map((one) => `warning: ${one}\n`).join('')}`)
}

/** What a job will refuse in a grader file, and what is not valid in OpenAI's format. */
function graderWarnings(grader: unknown): readonly string[] {
  const checked = checkGrader(grader)
  return checked.ok ? jobRefusals(checked.grader) : [checked.message]
}

function known(what: string, name: string, names: readonly string[]): string {
  if (names.includes(name)) return name
  throw new Error(`there is no ${what} "${name}"; the ${what}s are: ${names.join(', ')}`)
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function valid<T>(shape: z.ZodType<T>, value: unknown, what: string): T {
  const read = shape.safeParse(value, showingValues)
  if (!read.success) throw new Error(describeIssues(read.error, what))
  return read.data
}
