import type { Log } from '../../base/log.ts'
import { type Observer, observers } from '../../core/observer.ts'
import { createErrorResponder } from '../../wires/error-response.ts'
import type { AppDeps } from '../app-deps.ts'
import { createAuthenticator } from '../auth/authenticate.ts'
import type { Config } from '../config/config.ts'
import { createAccessLog } from '../http/observed-requests.ts'
import type { ServeSettings } from '../http/serve.ts'
import { metricsApp } from './metrics-app.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { createRefusalCounts, type RefusalCounts } from './refusals.ts'
import { createServerMetrics, type ServerMetrics } from './server-metrics.ts'

/** What {@link openMetrics} needs. */
export interface OpenMetricsSettings {
  readonly config: Pick<Config, 'auth' | 'accessLog' | 'logLevel' | 'metricsPort' | 'poolSize'>
  readonly log: Log
  readonly tools: readonly { readonly name: string }[]
  readonly graders: readonly { readonly name: string }[]
  /** Makes spans; default: none are made. */
  readonly tracing?: Observer | undefined
}

/** The metrics of a process and what feeds them. */
export interface OpenMetrics extends Pick<ServerMetrics, 'metrics' | 'expired' | 'requestTotals'> {
  /** What was refused, for the alarms of all replicas. */
  readonly refusals: RefusalCounts
  /** What the app tells them. */
  readonly forApp: Pick<AppDeps, 'observer' | 'onError' | 'onBatch' | 'makeMetrics'>
  /** What the sockets tell them, and the port that serves them. */
  readonly forSockets: Pick<ServeSettings, 'observer' | 'onTurnedAway' | 'metrics'>
}

/** Creates the metrics of this process, and the lines of the log about calls and requests. */
export function openMetrics({ config, log, tools, graders, tracing }: OpenMetricsSettings): OpenMetrics {
  const names = (named: OpenMetricsSettings['tools']) => named.map(({ name }) => name)
  const server = createServerMetrics({ tools: names(tools), graders: names(graders), poolSize: config.poolSize })
  const refusals = createRefusalCounts()
  const { metrics, began, answered } = server
  addProcessMetrics(metrics)
  const authenticate = createAuthenticator(config.auth)
  const access = config.accessLog === undefined ? undefined : createAccessLog(log, config.accessLog)
  const lines = config.logLevel === 'debug' ? [createCallLog(log)] : []
  const all = [server.observer, ...lines, ...(tracing === undefined ? [] : [tracing])]
  const { metricsPort: port } = config
  const makeMetrics: AppDeps['makeMetrics'] = (respond) => metricsApp({ metrics, authenticate, respond })
  return {
    metrics,
    refusals,
    expired: server.expired,
    requestTotals: server.requestTotals,
    forApp: {
      observer: observers(all),
      onError({ code }) {
        server.refused(code)
        refusals.add(code)
      },
      onBatch: server.batched,
      makeMetrics: port === undefined ? makeMetrics : undefined,
    },
    forSockets: {
      observer: { began, answered, access },
      onTurnedAway: server.turnedAway,
      metrics: port === undefined ? undefined : { port, app: makeMetrics(createErrorResponder(log, Date.now)) },
    },
  }
}

/** Writes one line of the level `debug` for each call and each grading. Arguments, outputs and answers are not written. */
function createCallLog(log: Log): Observer {
  const msSince = (began: number) => Math.round((performance.now() - began) * 100) / 100
  return {
    calling() {},
    called({ run, rolloutId, callId, tool }, outcome, code, began, isReplay, output) {
      const why = code === null ? {} : { code }
      const facts = { run, rollout: rolloutId, call: callId, tool, outcome, ...why, replayed: isReplay }
      log.debug?.({ ...facts, ms: msSince(began), bytes: Buffer.byteLength(output) }, `call of ${tool}: ${outcome}`)
    },
    graded({ run, rolloutId, grader }, outcome, code, began, isReplay, score) {
      const why = code === null ? {} : { code }
      const facts = { run, rollout: rolloutId, grader, outcome, ...why, replayed: isReplay, ms: msSince(began) }
      const found = score === undefined ? {} : { score: score.score }
      log.debug?.({ ...facts, ...found }, `grading by ${grader}: ${outcome}`)
    },
  }
}
