import { readFileSync } from 'node:fs'
import { Command, type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { z } from 'zod'
import { describeIssues, showingValues } from '../base/issues.ts'
import { checkGrader } from '../runtime/openai-graders/check-grader.ts'
import { jobRefusals } from '../runtime/openai-graders/job-refusals.ts'
import { jobHeaders, masked } from '../workbench/job/headers.ts'
import { type GraderPlan, type JobPlan, jobAddress, jobBody, jobWarnings } from '../workbench/job/job-body.ts'
import { answerFormat, hyperparameterNames, hyperparameters, platforms } from '../workbench/job/platform-formats.ts'
import { header, list, whole } from './options.ts'
import { exitCodes } from './run-program.ts'

/** The parts of the user's environment that {@link jobCommand} needs. */
export interface JobDeps {
  readonly env: NodeJS.ProcessEnv
  /** The names of the tools that the server offers. */
  readonly tools: readonly string[]
  /** The names of the served graders, the default one first; read when the command runs. */
  readonly graders: () => readonly string[]
  /** How many calls a rollout may make; undefined for no limit. */
  readonly budget: number | undefined
}

const optionsShape = z.object({
  for: z.enum(platforms),
  url: z.url({ protocol: /^https?$/, error: 'must be an address that begins with https://' }),
  model: z.string().min(1),
  trainingFile: z.string().min(1),
  validationFile: z.string().optional(),
  suffix: z.string().max(64, 'must have at most 64 characters').optional(),
  jobSeed: z.number().optional(),
  grader: z.string().optional(),
  graderFile: z.string().optional(),
  rateLimit: z.number(),
  passThreshold: z.number().optional(),
  tools: z.array(z.string()).optional(),
  toolPath: z.string().startsWith('/', 'must begin with /'),
  header: z.record(z.string(), z.string()).default({}),
  maxEpisodeSteps: z.number().optional(),
  responseFormat: z.string().optional(),
  resource: z.url({ protocol: /^https$/, error: 'must be an address that begins with https://' }).optional(),
  apiVersion: z.string().optional(),
  showSecrets: z.boolean().optional(),
  json: z.boolean().optional(),
})
type Options = z.infer<typeof optionsShape>

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
  const command = new Command('job')
    .summary('print the body of a training job')
    .description('Prints the body of a reinforcement fine-tuning job: tools, grader, hyperparameters. Sends nothing.')
    .addOption(new Option('--for <platform>', 'the training platform').choices(platforms).makeOptionMandatory())
    .requiredOption('--url <url>', 'the public address of the server')
    .requiredOption('--training-file <id>', 'the id of the uploaded training set')
    .option('--validation-file <id>', 'the id of the uploaded validation set')
    .option('--model <name>', 'the model to train', 'o4-mini-2025-04-16')
    .option('--suffix <text>', 'a suffix for the name of the trained model')
    .option('--job-seed <n>', 'the job’s seed', whole)
    .option('--grader <name>', 'the grader at /graders/NAME (default: that of /grade)')
    .option('--grader-file <file>', 'a JSON file with a grader that the platform runs itself')
    .option('--rate-limit <n>', 'the maximum number of gradings a second', whole, 50)
    .option('--pass-threshold <score>', 'answers with this score or more count as passed', Number)
    .option('--tools <names>', 'only these tools, separated by commas (default: all)', list)
    .option('--tool-path <path>', 'the path of tools, with {name} for the name', '/tools/{name}')
    .option('--header <header>', '"name: value" for tools and grader; may be repeated', header)
    .option('--max-episode-steps <n>', 'the maximum number of steps in a rollout (default: the budget of calls)', whole)
    .option('--response-format <file>', 'a JSON Schema for the answers')
    .option('--resource <url>', 'the address of the Azure resource')
    .option('--api-version <version>', 'Azure’s api-version (default: preview if the job needs it)')
    .option('--show-secrets', 'print the headers unmasked')
    .option('--json', 'print address, body and warnings as one JSON document')
    .addHelpText('after', examples)
  for (const name of hyperparameterNames) {
    command.option(`--${name.replaceAll('_', '-')} <value>`, `the hyperparameter ${name}`)
  }
  return command.action((given: Record<string, unknown>) => {
    try {
      print(readPlan(given, deps), deps)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      command.error(`error: ${message}`, { exitCode: exitCodes.usage })
    }
  })
}

interface ReadJob {
  readonly options: Options
  readonly plan: JobPlan
}

function readPlan(given: Record<string, unknown>, { env, tools, graders, budget }: JobDeps): ReadJob {
  const options = valid(optionsShape, given, 'options')
  const { url, maxEpisodeSteps = budget ?? 10 } = options
  const plan: JobPlan = {
    platform: options.for,
    model: options.model,
    suffix: options.suffix,
    seed: options.jobSeed,
    trainingFile: options.trainingFile,
    validationFile: options.validationFile,
    url: url.replace(/\/+$/, ''),
    toolPath: options.toolPath,
    maxEpisodeSteps,
    tools: options.tools === undefined ? tools : options.tools.map((name) => known('tool', name, tools)),
    headers: jobHeaders(options.header, env),
    grader: graderOf(options, graders()),
    answerFormat:
      options.responseFormat === undefined
        ? undefined
        : valid(answerFormat, readJson(options.responseFormat), options.responseFormat),
    hyperparameters: valid(hyperparameters, hyperparametersOf(given), 'hyperparameters'),
  }
  return { options, plan }
}

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
function hyperparametersOf(given: Record<string, unknown>): Record<string, unknown> {
  const entries = hyperparameterNames.flatMap((name): [string, unknown][] => {
    const value = given[name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())]
    if (typeof value !== 'string') return []
    return [[name, value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value]]
  })
  return Object.fromEntries(entries)
}

function print({ options, plan }: ReadJob, { budget }: JobDeps): void {
  const address = jobAddress(plan, options.resource?.replace(/\/+$/, ''), options.apiVersion)
  const body = options.showSecrets ? jobBody(plan) : masked(jobBody(plan))
  const hidden = !options.showSecrets && Object.keys(plan.headers).length > 0
  const warnings = [
    ...jobWarnings(plan, budget),
    ...(plan.grader.kind === 'written' ? graderWarnings(plan.grader.grader) : []),
    ...(hidden ? ['header values are masked: --show-secrets prints them'] : []),
  ]
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ method: 'POST', address, body, warnings }, null, 2)}\n`)
    return
  }
  process.stdout.write(`${JSON.stringify(body, null, 2)}\n`)
  process.stderr.write(`\nPOST ${address}\n${warnings.map((one) => `warning: ${one}\n`).join('')}`)
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
