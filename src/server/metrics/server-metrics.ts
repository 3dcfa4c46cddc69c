import {
  type Counter,
  createMetrics,
  createNames,
  type Family,
  type Histogram,
  type Metrics,
} from '../../base/metrics.ts'
import { version } from '../../base/version.ts'
import type { Observer } from '../../core/observer.ts'
import { budgetCode } from '../../ledger/calls/call.ts'
import type { RequestTotals } from './recent-requests.ts'
import { authCodes, itemCodes } from './refusals.ts'

/** What {@link createServerMetrics} needs. */
export interface ServerMetricsSettings {
  /** The names of the tools and graders that are served; further ones, which callers make up, are counted as `other`. */
  readonly tools: readonly string[]
  readonly graders: readonly string[]
  /** The most connections for tools and graders. */
  readonly poolSize: number
}

/** The metrics of a server that count what happens in this process. */
export interface ServerMetrics {
  /** All metrics; others may be added. */
  readonly metrics: Metrics
  /** Counts calls and gradings. */
  readonly observer: Observer
  /** Counts a request that is not answered yet. */
  began(): void
  /** Counts an answered request. */
  answered(url: string, status: number, seconds: number): void
  /** Requests since the start, those for pages and probes left out. */
  readonly requestTotals: () => RequestTotals
  /** Counts a request that was refused because the server was at capacity. */
  turnedAway(): void
  /** Counts an error that was answered, if it is about a key or an item. */
  refused(code: string): void
  /** Counts calls that were recorded as failed because the process that ran them died. */
  expired(calls: number): void
  /** Counts a statement that recorded this many calls. */
  batched(calls: number): void
}

/** The upper ends of the buckets of requests' durations, in seconds. */
export const requestEdges = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const scoreEdges = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
const callEdges = [0, 1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 100]
const batchEdges = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500]

/** Creates the metrics of a server. */
export function createServerMetrics({ tools, graders, poolSize }: ServerMetricsSettings): ServerMetrics {
  const metrics = createMetrics()
  const build = [1, version, process.version] as const
  metrics.gauge('scorekeeper_build_info', 'The version of the server.', ['version', 'node'], () => [build])
  const requests = metrics.histogram(
    'scorekeeper_http_request_duration_seconds',
    'How long requests took until their answer began.',
    requestEdges,
    ['route', 'status'],
  )
  let active = 0
  let running = 0
  metrics.gauge('scorekeeper_tool_calls_running', 'Tool calls that are not answered yet.', [], () => [[running]])
  metrics.gauge('scorekeeper_http_requests_active', 'Requests whose answer has not begun.', [], () => [[active]])
  const turnedAway = metrics
    .counter('scorekeeper_requests_turned_away_total', 'Requests refused because the server was at capacity.')
    .of()
  const expired = metrics
    .counter('scorekeeper_expired_leases_total', 'Calls recorded as failed because the process that ran them died.')
    .of()
  const poolHelp = 'The most connections of this process for tools and graders.'
  metrics.gauge('scorekeeper_database_pool_size', poolHelp, [], () => [[poolSize]])
  const batches = metrics
    .histogram('scorekeeper_ledger_batch_calls', 'Calls that one statement recorded.', batchEdges)
    .of()
  const refusals = new Map<string, Counter>()
  const prepare = (family: Family<Counter>, codes: readonly string[]) => {
    for (const code of codes) refusals.set(code, family.of(code))
  }
  prepare(
    metrics.counter('scorekeeper_auth_failures_total', 'Requests whose key or token was refused.', ['code']),
    authCodes,
  )
  prepare(
    metrics.counter('scorekeeper_item_rejections_total', 'Requests whose item does not fit.', ['code']),
    itemCodes,
  )
  const calls = observeCalls(metrics, createNames(tools))
  const gradings = observeGradings(metrics, createNames(graders))
  const { count, totals } = createAnswered(requests)
  return {
    metrics,
    observer: {
      calling(change) {
        running += change
      },
      called: calls,
      graded: gradings,
    },
    began() {
      active += 1
    },
    answered(...request) {
      active -= 1
      count(...request)
    },
    requestTotals: totals,
    turnedAway: () => turnedAway.add(),
    refused: (code) => refusals.get(code)?.add(),
    expired: (calls) => expired.add(calls),
    batched: (count) => batches.observe(count),
  }
}

const routes: ReadonlyMap<string, string> = new Map([
  ...['tools', 'agent-rft'].map((first) => [first, 'tools'] as const),
  ...['grade', 'graders'].map((first) => [first, 'graders'] as const),
  ...['v1', 'openai'].map((first) => [first, 'openai'] as const),
  ...['healthz', 'readyz', 'metrics'].map((first) => [first, 'health'] as const),
  ...['nemo-gym', 'verifiers', 'ors', 'mcp', 'openenv', 'reward', 'webhooks', 'retrieve'].map(
    (first) => [first, 'wire'] as const,
  ),
  ['dashboard', 'dashboard'],
])

/** The group of a request's address: one of few, whatever callers ask for. */
function routeOf(url: string): string {
  const begin = url.indexOf('/', 8) + 1
  const from = url.startsWith('runs/', begin) ? url.indexOf('/', begin + 5) + 1 : begin
  let end = from
  while (end < url.length && url[end] !== '/' && url[end] !== '?') end += 1
  return routes.get(url.slice(from, end)) ?? 'other'
}

/** Finds the histogram of a route and a class of statuses without making a text of labels for each request. */
function createAnswered(requests: Family<Histogram>) {
  const known = new Map<string, Histogram[]>()
  const count: ServerMetrics['answered'] = (url, status, seconds) => {
    const route = routeOf(url)
    const byClass = known.get(route) ?? []
    if (byClass.length === 0) known.set(route, byClass)
    const kind = Math.floor(status / 100)
    const histogram = byClass[kind] ?? requests.of(route, `${kind}xx`)
    byClass[kind] = histogram
    histogram.observe(seconds)
  }
  const totals = (): RequestTotals => {
    const sums = new Map<string, readonly number[]>()
    for (const [route, byClass] of known) {
      if (route === 'dashboard' || route === 'health') continue
      for (const [kind, histogram] of Object.entries(byClass)) {
        const before = sums.get(`${kind}xx`) ?? []
        sums.set(
          `${kind}xx`,
          histogram.counts().map((value, at) => value + (before[at] ?? 0)),
        )
      }
    }
    return sums
  }
  return { count, totals }
}

/** Gets what belongs to a name, made when it is asked for first. */
function byName<Value>(make: (name: string) => Value): (name: string) => Value {
  const made = new Map<string, Value>()
  return (name) => {
    const known = made.get(name)
    if (known !== undefined) return known
    const value = make(name)
    made.set(name, value)
    return value
  }
}

function observeCalls(metrics: Metrics, nameOf: (name: string) => string): Observer['called'] {
  const labels = ['tool', 'outcome']
  const all = metrics.counter('scorekeeper_tool_calls_total', 'Tool calls by outcome; replays excluded.', labels)
  const help = 'How long a tool call took until it was recorded; replays excluded.'
  const durations = metrics.histogram('scorekeeper_tool_call_duration_seconds', help, requestEdges, labels)
  const bytes = metrics.counter('scorekeeper_tool_output_bytes_total', 'Bytes of the outputs of tool calls.', labels)
  const replays = metrics.counter(
    'scorekeeper_tool_call_replays_total',
    'Calls that were answered from the ledger, or with the call that ran already.',
    ['tool'],
  )
  const overBudget = metrics
    .counter('scorekeeper_budget_refusals_total', 'Calls that were refused because the budget was used up.')
    .of()
  const ofOutcome = (tool: string, outcome: string) => ({
    count: all.of(tool, outcome),
    duration: durations.of(tool, outcome),
    bytes: bytes.of(tool, outcome),
  })
  const ofTool = byName((tool) => ({
    replays: replays.of(tool),
    ok: ofOutcome(tool, 'ok'),
    refused: ofOutcome(tool, 'refused'),
    failed: ofOutcome(tool, 'failed'),
  }))
  return ({ tool }, outcome, code, began, isReplay, output) => {
    const counted = ofTool(nameOf(tool))
    if (isReplay) return counted.replays.add()
    const { count, duration, bytes: size } = counted[outcome]
    count.add()
    duration.observe((performance.now() - began) / 1000)
    size.add(Buffer.byteLength(output))
    if (code === budgetCode) overBudget.add()
  }
}

function observeGradings(metrics: Metrics, nameOf: (name: string) => string): Observer['graded'] {
  const all = metrics.counter('scorekeeper_gradings_total', 'Gradings by outcome; replays excluded.', [
    'grader',
    'outcome',
  ])
  const help = 'How long a grading took, waiting for calls included; replays excluded.'
  const durations = metrics.histogram('scorekeeper_grading_duration_seconds', help, requestEdges, ['grader'])
  const scores = metrics.histogram('scorekeeper_score', 'The scores.', scoreEdges, ['grader'])
  const parts = metrics.histogram('scorekeeper_score_part', 'The parts of the scores.', scoreEdges, ['part'])
  const replays = metrics.counter('scorekeeper_grading_replays_total', 'Gradings answered with the stored score.', [
    'grader',
  ])
  const calls = metrics
    .histogram('scorekeeper_rollout_calls', 'How many calls a rollout had made when it was graded.', callEdges)
    .of()
  const partName = createNames()
  const ofPart = byName((part) => parts.of(part))
  const ofGrader = byName((grader) => ({
    replays: replays.of(grader),
    duration: durations.of(grader),
    score: scores.of(grader),
    scored: all.of(grader, 'scored'),
    failed: all.of(grader, 'failed'),
    ungradable: all.of(grader, 'ungradable'),
  }))
  return ({ grader }, outcome, _, began, isReplay, given) => {
    const counted = ofGrader(nameOf(grader))
    if (isReplay) return counted.replays.add()
    counted[outcome].add()
    counted.duration.observe((performance.now() - began) / 1000)
    if (given === undefined) return
    counted.score.observe(given.score)
    if (given.calls !== undefined) calls.observe(given.calls)
    for (const [part, value] of Object.entries(given.parts ?? {})) ofPart(partName(part)).observe(value)
  }
}
