import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics, Reading } from '../../base/metrics.ts'
import type { Database, PoolUsage } from '../../postgres/database.ts'
import type { JudgeClient } from '../../runtime/judge/judge-client.ts'

/** Adds what every process has: CPU time, memory and the delay of the event loop. */
export function addProcessMetrics(metrics: Metrics): void {
  const one = (read: () => number) => () => [[read()] as const]
  metrics.readCounter('process_cpu_seconds_total', 'CPU time of this process.', [], () => {
    const { user, system } = process.cpuUsage()
    return [[(user + system) / 1e6]]
  })
  const startedAt = Date.now() / 1_000 - process.uptime()
  metrics.gauge('process_start_time_seconds', 'When this process started.', [], () => [[startedAt]])
  metrics.gauge(
    'process_resident_memory_bytes',
    'Memory of this process.',
    [],
    one(() => process.memoryUsage.rss()),
  )
  metrics.gauge(
    'nodejs_heap_used_bytes',
    'Memory of JavaScript values.',
    [],
    one(() => process.memoryUsage().heapUsed),
  )
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const lag = (share: number) => () => [[secondsOf(delay.percentile(share * 100))] as const]
  metrics.gauge('nodejs_eventloop_lag_p50_seconds', 'The median delay of the event loop.', [], lag(0.5))
  metrics.gauge('nodejs_eventloop_lag_p99_seconds', 'The delay of the event loop, 99 of 100.', [], () => {
    const reading = [secondsOf(delay.percentile(99))] as const
    // Each reading is about the time since the one before.
    delay.reset()
    return [reading]
  })
}

/** Without the resolution, which an idle event loop shows as a delay. Nanoseconds to seconds. */
const secondsOf = (nanoseconds: number) => (Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - 0.02) : 0)

/** Adds the connections of this process to the database, of tools and graders and of the ledger. */
export function addPoolMetrics(metrics: Metrics, usage: Database['usage']): void {
  const gauge = (name: string, help: string, of: (one: PoolUsage) => number) =>
    metrics.gauge(`scorekeeper_database_pool_${name}`, help, ['client'], () =>
      Object.entries(usage()).map(([client, one]) => [of(one), client] as const),
    )
  gauge('busy', 'Connections of this process that carry a statement or a transaction.', ({ busy }) => busy)
  gauge('waiting', 'Statements and transactions that wait for a connection.', ({ waiting }) => waiting)
}

/** How many models are named; further ones are summed as `other`. */
const mostModels = 8

/** Adds the requests to judging models and the tokens that they used. */
export function addJudgeMetrics(metrics: Metrics, judge: Pick<JudgeClient, 'usage' | 'requests'>): void {
  const summed = (readings: Iterable<Reading>): Iterable<Reading> => {
    const sums = new Map<string, Reading>()
    const models = new Set<string>()
    for (const [value, model = '', kind = ''] of readings) {
      const isNamed = models.has(model) || models.size < mostModels
      const name = isNamed ? model : 'other'
      if (isNamed) models.add(model)
      const [sum] = sums.get(`${kind} ${name}`) ?? [0]
      sums.set(`${kind} ${name}`, [sum + value, name, kind])
    }
    return sums.values()
  }
  metrics.readCounter(
    'scorekeeper_judge_requests_total',
    'Requests to judging models, by how they ended; cached answers need none.',
    ['model', 'outcome'],
    () =>
      summed(
        [...judge.requests()].flatMap(([model, { answered, failed }]): Reading[] => [
          [answered, model, 'answered'],
          [failed, model, 'failed'],
        ]),
      ),
  )
  metrics.readCounter('scorekeeper_judge_tokens_total', 'Tokens that judging models used.', ['model', 'kind'], () =>
    summed(
      [...judge.usage()].flatMap(([model, usage]): Reading[] => [
        [usage.prompt_tokens, model, 'prompt'],
        [usage.completion_tokens, model, 'completion'],
        [usage.cached_tokens, model, 'cached'],
      ]),
    ),
  )
}
