import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Hono } from 'hono'
import type { Log } from '../base/log.ts'
import { createMetrics, type Rows } from '../base/metrics.ts'
import { version } from '../base/version.ts'
import type { Caller } from '../core/calls.ts'
import type { Grading } from '../core/grading.ts'
import { RequestError, UngradableError } from '../kit/errors.ts'
import type { TokenUsage } from '../kit/judge.ts'
import { type Principal, requireScope } from './auth/principal.ts'

/** What the server measures about itself, for `/metrics` and for its log at the level `debug`. */
export interface ServerMetrics {
  /** Measures requests around an app. */
  requests(fetch: Hono['fetch']): Hono['fetch']
  /** Measures tool calls, and gradings. `budgetRefusal` is what a call beyond the budget is answered. */
  calls(call: Caller['call'], budgetRefusal: string | undefined): Caller['call']
  gradings(grade: Grading['grade']): Grading['grade']
  /** Counts an answer with an error. */
  refused(status: number, code: string): void
  /** Counts calls whose lease expired, and requests that were turned away. */
  expired(calls: number): void
  turnedAway(): void
  /** What was refused since the last call, by code. */
  takeRefusals(): ReadonlyMap<string, number>
  /** Adds the tokens of judging models so far, by model. */
  judgeTokens(usage: () => ReadonlyMap<string, TokenUsage>): void
  /** Adds gauges that are read from elsewhere. */
  readonly gauge: ReturnType<typeof createMetrics>['gauge']
  text(): Promise<string>
}

/** What {@link createServerMetrics} needs. */
export interface ServerMetricsSettings {
  readonly log: Log
  /** The names of the tools; calls of others are counted as `unknown`. */
  readonly tools: readonly string[]
  readonly poolSize: number
}

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const scoreBuckets = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]

/** Creates the metrics of this process. */
export function createServerMetrics(settings: ServerMetricsSettings): ServerMetrics {
  const { log, poolSize } = settings
  const metrics = createMetrics()
  const known = new Set(settings.tools)
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    metrics.counter(`scorekeeper_${name}_total`, help, labels)
  const seconds = (name: string, help: string, labels: readonly string[]) =>
    metrics.histogram(`scorekeeper_${name}_seconds`, help, labels, secondsBuckets)

  const requestSeconds = seconds('http_request_duration', 'How long requests took.', ['route', 'status'])
  const toolCalls = counter('tool_calls', 'Tool calls, by outcome.', ['tool', 'outcome'])
  const replays = counter('tool_call_replays', 'Tool calls that were answered from the ledger.', ['tool'])
  const callSeconds = seconds('tool_call_duration', 'How long tool calls took.', ['tool'])
  const outputBytes = counter('tool_output_bytes', 'Bytes of the outputs of tools.', ['tool'])
  const gradings = counter('gradings', 'Gradings, by outcome.', ['grader', 'outcome'])
  const gradingSeconds = seconds('grading_duration', 'How long gradings took.', ['grader'])
  const scores = metrics.histogram('scorekeeper_score', 'Scores that were answered.', ['grader'], scoreBuckets)
  const partSums = counter('score_part_sum', 'The sums of the parts of scores.', ['part'])
  const partCounts = counter('score_part_count', 'How many scores had each part.', ['part'])
  const budgetRefusals = counter('budget_refusals', 'Tool calls beyond the budget of their rollout.')
  const keyFailures = counter('auth_failures', 'Requests without a valid key, by code.', ['code'])
  const itemRejections = counter('item_rejections', 'Requests whose item does not fit, by code.', ['code'])
  const expired = counter('expired_leases', 'Calls that were recorded as failed because their owner died.')
  const turnedAway = counter('requests_turned_away', 'Requests that were refused because too many were in flight.')

  let active = 0
  let running = 0
  const always = (read: () => number) => (): Rows => [[[], read()]]
  metrics.gauge(
    'scorekeeper_http_requests_active',
    'Requests that are not answered yet.',
    [],
    always(() => active),
  )
  metrics.gauge(
    'scorekeeper_tool_calls_running',
    'Tool calls that are not answered yet.',
    [],
    always(() => running),
  )
  metrics.gauge(
    'scorekeeper_database_pool_size',
    'The most connections for tools and graders.',
    [],
    always(() => poolSize),
  )
  metrics.gauge('scorekeeper_build_info', 'The version of the server; always 1.', ['version', 'node'], () => [
    [[version, process.version], 1],
  ])
  addProcessMetrics(metrics)

  let refusals = new Map<string, number>()
  return {
    requests(fetch) {
      const done = (request: Request, began: number, status: number) => {
        active -= 1
        const labels = [routeOf(request.url), `${Math.floor(status / 100)}xx`]
        requestSeconds.observe(labels, (performance.now() - began) / 1_000)
      }
      return (request, ...rest) => {
        const began = performance.now()
        active += 1
        const answer = fetch(request, ...rest)
        if (answer instanceof Response) {
          done(request, began, answer.status)
          return answer
        }
        return answer.then(
          (response) => {
            done(request, began, response.status)
            return response
          },
          (error: unknown) => {
            done(request, began, 500)
            throw error
          },
        )
      }
    },
    calls: (call, budgetRefusal) => async (request) => {
      const began = performance.now()
      const tool = known.has(request.tool) ? request.tool : 'unknown'
      running += 1
      try {
        const answer = await call(request)
        const took = (performance.now() - began) / 1_000
        toolCalls.add([tool, answer.outcome])
        if (answer.replayed) replays.add([tool])
        callSeconds.observe([tool], took)
        outputBytes.add([tool], Buffer.byteLength(answer.output))
        if (answer.outcome === 'refused' && answer.output === budgetRefusal) budgetRefusals.add([])
        const { run, rolloutId } = { ...request, ...answer }
        log.debug?.(
          {
            run,
            rollout: rolloutId,
            call: answer.callId,
            tool,
            outcome: answer.outcome,
            replayed: answer.replayed,
            seconds: took,
          },
          'call',
        )
        return answer
      } catch (error) {
        if (!(error instanceof RequestError) || error.status >= 500) toolCalls.add([tool, 'failed'])
        log.debug?.(
          {
            run: request.run,
            rollout: request.rolloutId,
            call: request.callId,
            tool,
            outcome: 'failed',
            code: codeOf(error),
          },
          'call',
        )
        throw error
      } finally {
        running -= 1
      }
    },
    gradings: (grade) => async (request) => {
      const began = performance.now()
      const grader = request.grader ?? 'default'
      const end = (outcome: string, facts: Readonly<Record<string, unknown>>) => {
        const took = (performance.now() - began) / 1_000
        gradings.add([grader, outcome])
        gradingSeconds.observe([grader], took)
        log.debug?.(
          { run: request.run, rollout: request.rolloutId, grader, outcome, seconds: took, ...facts },
          'grading',
        )
      }
      try {
        const answer = await grade(request)
        scores.observe([grader], answer.score)
        for (const [part, value] of Object.entries(answer.parts ?? {})) {
          partSums.add([part], value)
          partCounts.add([part])
        }
        end('scored', { rollout: answer.rolloutId, score: answer.score })
        return answer
      } catch (error) {
        if (error instanceof RequestError && error.status < 500) throw error
        end(error instanceof UngradableError ? 'ungradable' : 'failed', { code: codeOf(error) })
        throw error
      }
    },
    refused(status, code) {
      const isItem = code === 'item_misfit' || code === 'rollout_has_another_item'
      if (status === 401 || status === 403) keyFailures.add([code])
      else if (isItem) itemRejections.add([code])
      else return
      refusals.set(code, (refusals.get(code) ?? 0) + 1)
    },
    expired: (calls) => expired.add([], calls),
    turnedAway: () => turnedAway.add([]),
    takeRefusals() {
      const taken = refusals
      refusals = new Map()
      return taken
    },
    judgeTokens(usage) {
      metrics.readCounter('scorekeeper_judge_tokens_total', 'Tokens of judging models.', ['model', 'kind'], () =>
        [...usage()].flatMap(([model, tokens]) => [
          [[model, 'prompt'], tokens.prompt_tokens] as const,
          [[model, 'completion'], tokens.completion_tokens] as const,
        ]),
      )
    },
    gauge: metrics.gauge,
    text: metrics.text,
  }
}

const codeOf = (error: unknown) => (error instanceof RequestError ? error.code : 'internal_error')

const routes: Readonly<Record<string, string>> = {
  tools: 'tools',
  grade: 'graders',
  graders: 'graders',
  'agent-rft': 'tools',
  v1: 'openai',
  openai: 'openai',
  dashboard: 'dashboard',
  healthz: 'health',
  readyz: 'health',
  metrics: 'health',
  'openapi.json': 'other',
}

/** The group of a request's address: one of few, whatever callers ask for. */
function routeOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/]*/, '').replace(/^\/runs\/[^/]*/, '')
  const first = /^\/([^/?]*)/.exec(path)?.[1] ?? ''
  return (
    routes[first] ??
    (/^(?:nemo-gym|verifiers|ors|mcp|openenv|reward|webhooks|retrieve)$/.test(first) ? 'wire' : 'other')
  )
}

function addProcessMetrics(metrics: ReturnType<typeof createMetrics>): void {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const started = Date.now() / 1_000 - process.uptime()
  metrics.readCounter('process_cpu_seconds_total', 'The processor time of this process.', [], () => {
    const { user, system } = process.cpuUsage()
    return [[[], (user + system) / 1e6]]
  })
  metrics.gauge('process_resident_memory_bytes', 'The memory of this process.', [], () => [
    [[], process.memoryUsage().rss],
  ])
  metrics.gauge('process_start_time_seconds', 'When this process began, since 1970.', [], () => [[[], started]])
  const lag = (share: number) => (): Rows => [[[], delay.percentile(share * 100) / 1e9 || 0]]
  metrics.gauge('nodejs_eventloop_lag_p50_seconds', 'The median delay of the event loop.', [], lag(0.5))
  metrics.gauge('nodejs_eventloop_lag_p99_seconds', 'The delay of the event loop, 99 of 100.', [], lag(0.99))
}

/**
 * Answers `GET /metrics` to a caller with the scope `read`. What all runs do is not for a key that is bound to some.
 *
 * @throws AuthError without a valid key or the scope; RequestError 403 `run_forbidden` for a key that is bound to runs.
 */
export async function answerMetrics(
  metrics: Pick<ServerMetrics, 'text'> | undefined,
  principal: Principal,
): Promise<Response> {
  requireScope(principal, 'read')
  if (metrics === undefined) throw new RequestError(404, 'not_found', 'this server has no metrics')
  if (principal.runs !== undefined) {
    const message = 'the metrics are of all runs: use a key that is not bound to runs'
    throw new RequestError(403, 'run_forbidden', message, { details: { subject: principal.subject } })
  }
  const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
  return new Response(await metrics.text(), { headers })
}
