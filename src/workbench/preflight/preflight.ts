import { referencesOf } from '../check-grader/references.ts'
import type { DatasetItem, ToolDefinition } from '../simulate/agent.ts'
import { addressesOf } from '../simulate/target.ts'
import { heavyChecks, lightChecks } from './checks.ts'
import { datasetVerdicts, firstItems, referenceFieldsOf } from './dataset-check.ts'
import type { Check, Desk, KnownTool } from './desk.ts'
import { recognise, recognisingRequests } from './recognise.ts'
import type { PreflightSettings, PreflightView } from './settings.ts'
import { knownTools } from './tools.ts'
import { fail, skip, type Verdict, warn } from './verdict.ts'
import { createWire } from './wire.ts'

/** What {@link preflight} came to. */
export interface Preflight {
  readonly verdicts: readonly Verdict[]
  /** How many requests were sent. */
  readonly requests: number
}

/** So many of the first rows of the dataset are played with. */
const mostItems = 200

/**
 * Goes through everything that can be known of a server and a dataset before a training job: the dataset's rows, the wire,
 * the budget, the grader, a load. Sends no more requests than it says beforehand.
 *
 * Throws what reading the dataset throws, an Error where it has no item, and the signal's reason when that aborts.
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
  const items = await firstItems(file, mostItems)
  const [item] = items
  if (item === undefined) throw new Error(`${file} has no row with messages`)
  const url = new URL(settings.url)
  const isPublic = await settings.isPublicHost(url.hostname)
  const wire = createWire({ ...settings, ...addressesOf(settings) })

  wire.announce(recognisingRequests)
  const server = await recognise(wire, url, isPublic)
  tell(...server.verdicts)
  const isForeign = !server.isScorekeeper
  tell(...(await datasetVerdicts({ file, validation, readItem, tools: server.tools, isForeign, signal })))
  if (!server.isReachable) return { verdicts, requests: wire.sent }

  const [tool, ...others] = knownTools({ ...settings, offered: server.tools, items })
  if (tool === undefined) {
    const advice =
      'name one with --call \'search={"query":"revenue"}\', or put the tools into the rows with `dataset prepare`'
    tell(fail('contract', 'no tool is known, by the server or by the dataset', advice))
    return { verdicts, requests: wire.sent }
  }
  const tools: readonly [KnownTool, ...KnownTool[]] = [tool, ...others]
  const desk: Desk = {
    ...{ wire, tools, headers, isPublic, signal, isScorekeeper: server.isScorekeeper },
    items: [item, ...items.slice(1)],
  }
  await checkServer(desk, { ...settings, offered: server.tools ?? [] }, view, tell)
  return { verdicts, requests: wire.sent }
}

interface Offered {
  /** The tools that the server says it has, for items that define none. */
  readonly offered: readonly ToolDefinition[]
}

async function checkServer(
  desk: Desk,
  settings: PreflightSettings & Offered,
  view: PreflightView,
  tell: (...found: readonly Verdict[]) => void,
): Promise<void> {
  const { readItem, range, mostForNothing, reference, load, ownBudget } = settings
  const { wire, items, isScorekeeper, isPublic } = desk
  let running = idle
  const onRequest = () => running.add(1)
  const references = referencesOf(rowsOf(items), { range: [...range] }, reference)
  const named =
    reference === undefined ? referenceFieldsOf(items[0], { readItem, isForeign: !isScorekeeper }) : [reference]
  const options = {
    budget: settings.budget ?? (isScorekeeper ? ownBudget : undefined),
    ownBudget,
    referenceFields: named,
    grader: { range, references, mostForNothing },
    load: { ...load, onRequest },
    baseline: baselineOf(settings, onRequest),
  }
  const light = lightChecks(desk, options)
  const heavy = heavyChecks(desk, options)
  const planned = sumOf(light) + sumOf(heavy)
  view.onPlan(planned)
  let isEnd = false
  const run = async (checks: readonly Check[]) => {
    for (const check of checks) {
      if (isEnd) return
      desk.signal.throwIfAborted()
      wire.announce(check.requests)
      if (check.steps !== undefined) running = view.onLong(check.name, check.steps)
      try {
        const found = await check.run()
        // A verdict is a line of its own, not one behind a bar.
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
  await run(light)
  if (isEnd) return tell(skip('all else', 'nothing gets past the key'))
  if (heavy.length === 0 || !isPublic || (await view.mayPress(new URL(settings.url).host, sumOf(heavy)))) {
    return await run(heavy)
  }
  for (const { name } of heavy) tell(warn(name, 'a public address is not pressed without a yes', 'allow it with --yes'))
}

const idle: ReturnType<PreflightView['onLong']> = { add() {}, end() {} }

const sumOf = (checks: readonly Check[]) => checks.reduce((sum, { requests }) => sum + requests, 0)

const rowsOf = (items: readonly DatasetItem[]) => items.map((item) => ({ item, answers: [] }))

function baselineOf(
  { baseline, headers, timeoutSeconds, offered, ...rest }: PreflightSettings & Offered,
  onRollout: () => void,
) {
  if (baseline.agents.length === 0) return undefined
  const settings = {
    headers,
    timeoutSeconds,
    pauseMs: 1000,
    maxSteps: baseline.maxSteps,
    tools: offered,
    ...addressesOf(rest),
  }
  return { ...baseline, settings, onRollout }
}
