import { existsSync } from 'node:fs'
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { type Grader, gradersWithSettings } from '../kit/define-grader.ts'
import type { Hooks } from '../kit/hooks.ts'
import type { ReadSettings, SettingsReader } from '../kit/settings.ts'
import { recordedItems } from '../ledger/reports/recorded-facts.ts'
import { readSpread } from '../ledger/reports/spread.ts'
import { openServerDatabase, type ServerDatabase } from '../postgres/open-database.ts'
import type { JsonGrader } from '../runtime/openai-graders/json-grader.ts'
import { loadConfig, loadSettings } from '../server/config/config.ts'
import { sketchTools } from '../workbench/check-grader/call-attacks.ts'
import { checkGrader } from '../workbench/check-grader/check-grader.ts'
import { findGrader, NotThereError } from '../workbench/check-grader/find-grader.ts'
import { findingsTable } from '../workbench/check-grader/finding.ts'
import { needsOf } from '../workbench/check-grader/needs.ts'
import { openPlayground, type Playground, type PlaySettings } from '../workbench/check-grader/playground.ts'
import { referencesOf } from '../workbench/check-grader/references.ts'
import { type CheckRow, readRows } from '../workbench/check-grader/rows.ts'
import { spreadReport } from '../workbench/check-grader/spread-report.ts'
import { openTrialSandboxes } from '../workbench/check-grader/trial-sandboxes.ts'
import type { CheckMaterial } from '../workbench/check-grader/try-all.ts'
import { noServices, shareOf } from '../workbench/check-grader/try-answer.ts'
import { graderServices, servedGraders } from '../workbench/regrade/services.ts'
import { number, type OptionsOf, share, whole } from './options.ts'
import { runName } from './run-option.ts'
import { exitCodes } from './run-program.ts'
import type { OfferedTools } from './trainer/offered-tools.ts'
import { timestamp } from './trainer/rollout-options.ts'

/** What {@link graderCommand} needs. */
export interface GraderCommandDeps {
  readonly env: NodeJS.ProcessEnv
  /** Reads the settings of the environment. */
  readonly settings: Pick<SettingsReader<unknown>, 'read'>
  readonly graders: readonly Grader[]
  /** The tools that rollouts can call. */
  readonly tools: Pick<OfferedTools, 'open'>
  /** How many calls a rollout may make; undefined for no limit. */
  readonly budget: number | undefined
  /** The environment's hooks with these settings. */
  readonly makeHooks?: ((settings: ReadSettings) => Hooks) | undefined
  /** The graders that are JSON files; read when the command runs. */
  readonly jsonGraders: () => readonly JsonGrader[]
  /** The path of the folder with the graders' items files. */
  readonly folder: string
}

const examples = `
Examples:
  scorekeeper grader check finqa                               with graders/finqa.items.jsonl, or recorded items
  scorekeeper grader check finqa --items dev.jsonl             with the rows of a dataset
  scorekeeper grader check graders/mine.ts                     a file that exports a grader, or a JSON grader
  scorekeeper grader spread finqa --since 7d                   what recorded rollouts can teach

A line of an items file is a row of a dataset, or { "item": …, "answers": [ { "output_text", "label", "trajectory" } ] } with
labelled answers, the label in the grader's range. For a grader that reads the database, the calls of the answers are made
on a throw-away database. For a grader that uses sandboxes, each answer gets empty ones on this machine. Exit code 1: a check
failed.
`

/** The command that tests whether a grader can be trusted: `check` attacks it, `spread` counts recorded scores. */
export function graderCommand(deps: GraderCommandDeps): CommandUnknownOpts {
  const fallible = (act: () => Promise<number>) =>
    act()
      .catch((error: unknown) => {
        process.stderr.write(`grader: ${error instanceof Error ? error.message : String(error)}\n`)
        return error instanceof NotThereError ? exitCodes.usage : exitCodes.failed
      })
      .then((code) => {
        process.exitCode = code
      })
  return new Command('grader')
    .summary('test whether a grader can be trusted')
    .addCommand(checkWithOptions().action((name, options) => fallible(() => runCheck(deps, name, options))))
    .addCommand(spreadWithOptions().action((name, options) => fallible(() => runSpread(deps, name, options))))
    .addHelpText('after', examples)
}

function checkWithOptions() {
  return new Command('check')
    .summary('attack a grader with answers that must not pay')
    .argument('<grader>', 'the name of a served grader, or a file that exports one')
    .option('--items <file>', 'JSON Lines of items, with or without labelled answers')
    .option('--reference <field>', 'the field of an item that holds a right answer')
    .option('--most <n>', 'how many items to try', whole, 100)
    .option('--threshold <share>', 'the most that an attack may earn on average, as a share of the range', share, 0.1)
    .option('--near-misses <share>', 'the same for a near miss (default: --threshold)', share)
    .option('--database', 'give the grader the server’s database, and make no calls')
    .option('--json', 'print the findings as JSON')
}

function spreadWithOptions() {
  return new Command('spread')
    .summary('count how recorded scores spread, by item')
    .argument('<grader>', 'the name of a grader')
    .option('--run <name>', 'only rollouts of one run (default: of all)', runName)
    .option('--version <version>', 'only scores of this version, including re-gradings')
    .option('--since <time>', 'gradings since then: 2026-11-01, or 7d for seven days ago', timestamp)
    .option('--until <time>', 'gradings before then: those of the base model, if training began then', timestamp)
    .option('--solved <score>', 'the least score of a solved item (default: 90 % of the range)', number)
    .option('--json', 'print the counts as JSON')
}

const say = (line: string) => void process.stderr.write(`${line}\n`)

async function runCheck(
  deps: GraderCommandDeps,
  name: string,
  options: OptionsOf<typeof checkWithOptions>,
): Promise<number> {
  const { config, settings } = loadSettings(deps.env, deps.settings)
  const served = servedGraders(config, deps.graders, deps.jsonGraders(), say)
  const { grader: found, itemsFile } = await findGrader(name, {
    served,
    folder: deps.folder,
    serve: (json) => servedGraders(config, [], json, say),
  })
  const [grader = found] = gradersWithSettings([found], settings)
  const file = options.items ?? itemsFile
  if (file !== undefined && !existsSync(file)) throw new NotThereError(`there is no file ${file}`)
  const database =
    options.database || file === undefined ? await openServerDatabase({ ...config, poolSize: 4 }) : undefined
  let playground: Playground | undefined
  const { tools, close } = await deps.tools.open(settings)
  let sandboxes: Awaited<ReturnType<typeof openTrialSandboxes>>
  try {
    const rows = file === undefined ? await itemsOf(database, name, options.most) : await readRows(file, options.most)
    say(`${rows.length} items of ${file ?? 'the recorded rollouts'}`)
    sandboxes = await openTrialSandboxes(grader)
    if (typeof sandboxes === 'string') say(`no sandbox can be opened: ${sandboxes}`)
    const stop = new AbortController()
    const given = database === undefined ? withoutDatabase(config) : graderServices(config, database, stop.signal)
    const services = { ...given, sandboxes }
    const references = referencesOf(rows, grader, options.reference)
    const material = { grader, rows, references, tools: sketchTools(tools), services }
    playground = options.database
      ? undefined
      : await playgroundFor(material, {
          ...deps,
          tools,
          hooks: deps.makeHooks?.(settings),
        })
    const findings = await checkGrader(
      { ...material, services: { ...services, ...(playground && { db: playground.db, play: playground.play }) } },
      { threshold: options.threshold, nearMisses: options.nearMisses },
    )
    const failed = findings.filter(({ verdict }) => verdict === 'fail').length
    process.stdout.write(
      options.json ? `${JSON.stringify({ grader: name, findings })}\n` : `${findingsTable(findings)}\n`,
    )
    if (failed > 0) say(`\nthe grader "${grader.name}" fails ${failed} of ${findings.length} checks`)
    return failed > 0 ? 1 : 0
  } finally {
    await playground?.close()
    if (typeof sandboxes === 'object') await sandboxes.close()
    await database?.close()
    await close()
  }
}

/** A throw-away database for a grader that needs one; undefined for a grader that does not. */
async function playgroundFor(
  material: CheckMaterial,
  deps: Pick<PlaySettings, 'tools' | 'budget' | 'hooks'>,
): Promise<Playground | undefined> {
  const needs = await needsOf(material, deps.tools)
  if (needs.kind === 'nothing') return undefined
  const remedy = 'use --database to give the grader the server’s database'
  if (needs.kind === 'database') throw new Error(`the grader reads the database, but ${needs.why}: ${remedy}`)
  const opened = await openPlayground(deps).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${needs.why}, and no throw-away database can be started: ${reason}\n${remedy}`, { cause })
  })
  say(`${needs.why}: calls are made in rollouts of their own, on a throw-away database`)
  if (needs.skipped.length > 0)
    say(`${needs.skipped.join(', ')} is external and not called: its labelled outputs are used`)
  return opened
}

/** The judge and the embeddings of the settings, and a database that every query fails on. */
function withoutDatabase(config: ReturnType<typeof loadConfig>) {
  const none = noServices()
  return graderServices(config, none, new AbortController().signal)
}

async function itemsOf(database: ServerDatabase | undefined, name: string, most: number): Promise<readonly CheckRow[]> {
  const items = database === undefined ? [] : await recordedItems(database.sql, most)
  if (items.length > 0) return items.map((item) => ({ item, answers: [] }))
  throw new Error(`there are no items to check "${name}" with: none is recorded, and it has no items file; use --items`)
}

async function runSpread(
  deps: GraderCommandDeps,
  name: string,
  options: OptionsOf<typeof spreadWithOptions>,
): Promise<number> {
  const config = loadConfig(deps.env)
  const grader = servedGraders(config, deps.graders, deps.jsonGraders(), say).find((one) => one.name === name)
  const { run, version, since, until } = options
  const solvedAt = options.solved ?? solvedScore(grader)
  const database = await openServerDatabase({ ...config, poolSize: 1 })
  try {
    const spread = await readSpread(database.sql, { run, grader: name, version, since, until, solvedAt })
    process.stdout.write(options.json ? `${JSON.stringify(spread)}\n` : `${spreadReport(spread)}\n`)
    return 0
  } finally {
    await database.close()
  }
}

/** 90 % of the way from the least score to the greatest. */
function solvedScore(grader: Grader | undefined): number {
  if (grader === undefined) return 0.9
  const zero = shareOf(0, grader)
  return (0.9 - zero) / (shareOf(1, grader) - zero)
}
