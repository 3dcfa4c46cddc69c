import { referencesOf } from '../check-grader/references.ts'
import type { DatasetItem, ToolDefinition } from '../simulate/agent.ts'
import { addressesOf } from '../simulate/target.ts'
import type { BaselineOptions } from './baseline-check.ts'
import type { Check, CheckContext } from './check.ts'
import { heavyChecks, lightChecks } from './checks.ts'
import { datasetVerdicts, firstItems, referenceFieldsOf } from './dataset-check.ts'
import { findArguments, findingRequests, knownTools } from './known-tools.ts'
import { recognise, recognisingRequests } from './recognise.ts'
import type { PreflightSettings, PreflightView } from './settings.ts'
import { fail, skip, type Verdict, warn } from './verdict.ts'
import { createWire } from './wire.ts'

/** The result of {@link preflight}. */
export interface Preflight {
  readonly verdicts: readonly Verdict[]
  /** How many requests were sent. */
  readonly requests: number
}

/** How many rows of the dataset are used. */
const maxItems = 200

/**
 * Checks everything about a server and a dataset that can be checked before a training job: the dataset's rows, the wire,
 * the budget, the grader, a load. Sends no more requests than it announces.
 *
 * @throws what reading the dataset throws, an Error if it has no item, and the signal's reason when that aborts.
 */
export async function preflight(settings: PreflightSettings, view: PreflightView): Promise<Preflight> {
  const verdicts: Verdict[] = []
  const tell = (...found: readonly Verdict[]) => {
    for (const verdict of found) {
      verdicts.push(verdict)
      view.onVerdict(verdict)
    }
  }
  const { dataset: file, validation, readItem, headers, signal } = settings
  const items = await firstItems(file, maxItems)
  const [item] = items
  if (item === undefined) throw new Error(`${file} has no row with messages`)
  const url = new URL(settings.url)
  const isPublic = await settings.isPublicHost(url.hostname)
  const addresses = addressesOf({ ...settings, grader: settings.grader ?? '' })
  const graderPath = settings.grader?.startsWith('/') ? `${settings.url}${settings.grader}` : addresses.graderUrl
  const graderUrl = settings.grader === undefined ? undefined : graderPath
  const wire = createWire({ ...settings, ...addresses, graderUrl: graderPath })

  wire.announce(recognisingRequests)
  const server = await recognise(wire, { url, isPublic, graderUrl, item })
  tell(...server.verdicts)
  const isForeign = !server.isScorekeeper
  tell(...(await datasetVerdicts({ file, validation, readItem, tools: server.tools, isForeign, signal })))
  if (!server.isUsable) return { verdicts, requests: wire.sent }

  const [tool, ...others] = knownTools({ ...settings, offered: server.tools, items })
  if (tool === undefined) {
    const advice =
      'name one with --call \'search={"query":"revenue"}\', or add the tools to the rows with `dataset prepare`'
    tell(fail('contract', 'no tool is known, from the server or from the dataset', advice))
    return { verdicts, requests: wire.sent }
  }
  const context: CheckContext = {
    wire,
    tools: [tool, ...others],
    headers,
    isPublic,
    signal,
    isScorekeeper: server.isScorekeeper,
    hasGrader: server.hasGrader,
    items: [item, ...items.slice(1)],
  }
  const offered = server.tools ?? []
  await checkServer(context, { ...settings, ...addresses, graderUrl: graderPath, offered }, view, tell)
  return { verdicts, requests: wire.sent }
}

interface Addressed {
  /** The tools that the server lists, for items that define none. */
  readonly offered: readonly ToolDefinition[]
  readonly toolUrl: (tool: string) => string
  readonly graderUrl: string
}

async function checkServer(
  known: CheckContext,
  settings: PreflightSettings & Addressed,
  view: PreflightView,
  tell: (...found: readonly Verdict[]) => void,
): Promise<void> {
  const { readItem, range, mostForNothing, reference, load, ownBudget } = settings
  const { wire, items, isScorekeeper, isPublic, signal } = known
  let running = idle
  const onRequest = () => running.add(1)
  const references = referencesOf(rowsOf(items), { range: [...range] }, reference)
  const named =
    reference === undefined ? referenceFieldsOf(items[0], { readItem, isForeign: !isScorekeeper }) : [reference]
  const budget = settings.budget ?? (isScorekeeper ? ownBudget : undefined)
  const options = {
    budget,
    ownBudget,
    referenceFields: named,
    grader: { range, references, mostForNothing },
    load: { ...load, onRequest },
    baseline: baselineOf(settings, budget, onRequest),
  }
  const finding = findingRequests(known.tools)
  const planned = finding + sumOf(lightChecks(known, options)) + sumOf(heavyChecks(known, options))
  view.onPlan(wire.sent + planned)
  wire.announce(finding)
  const given = new Set(Object.keys(settings.calls))
  const [first = known.tools[0], ...rest] = await findArguments(wire, items[0], known.tools, given)
  const context: CheckContext = { ...known, tools: [first, ...rest] }
  const heavy = heavyChecks(context, options)
  let isEnd = false
  const run = async (checks: readonly Check[]) => {
    for (const check of checks) {
      if (isEnd) return
      signal.throwIfAborted()
      wire.announce(check.requests)
      if (check.steps !== undefined) running = view.onLong(check.name, check.steps)
      try {
        const found = await check.run()
        // The verdict must not be printed on the line of the progress bar.
        running.end()
        running = idle
        tell(...found)
        isEnd = found.some((verdict) => verdict.isEnd === true)
      } finally {
        running.end()
        running = idle
      }
    }
  }
  await run(lightChecks(context, options))
  if (isEnd) return tell(skip('all other checks', 'the key is refused'))
  if (heavy.length === 0 || !isPublic || (await view.mayLoad(new URL(settings.url).host, sumOf(heavy)))) {
    return await run(heavy)
  }
  for (const { name } of heavy) {
    tell(warn(name, 'no load is sent to a public address without confirmation', 'confirm it with --yes'))
  }
}

const idle: ReturnType<PreflightView['onLong']> = { add() {}, end() {} }

const sumOf = (checks: readonly Check[]) => checks.reduce((sum, { requests }) => sum + requests, 0)

const rowsOf = (items: readonly DatasetItem[]) => items.map((item) => ({ item, answers: [] }))

/** A rollout whose budget is not known makes about as many calls. */
const usualCalls = 10

function baselineOf(
  {
    baseline,
    runHeaders,
    headers: trainers,
    timeoutSeconds,
    offered,
    toolUrl,
    graderUrl,
  }: PreflightSettings & Addressed,
  budget: number | undefined,
  onRollout: () => void,
): BaselineOptions | undefined {
  if (baseline.agents.length === 0) return undefined
  const { maxSteps } = baseline
  const headers = { ...runHeaders, ...trainers }
  const settings = { headers, timeoutSeconds, pauseMs: 1000, maxSteps, tools: offered, toolUrl, graderUrl }
  return { ...baseline, calls: budget ?? Math.min(maxSteps, usualCalls), settings, onRollout }
}
