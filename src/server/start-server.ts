import { existsSync } from 'node:fs'
import { createLog, type Log } from '../base/log.ts'
import { createRedactor } from '../base/redact.ts'
import { createEnder } from '../core/end.ts'
import { startHousekeeping } from '../core/housekeeping.ts'
import type { Observer } from '../core/observer.ts'
import type { Environment } from '../kit/define.ts'
import { type Grader, gradersWithSettings } from '../kit/define-grader.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Hooks } from '../kit/hooks.ts'
import { loadTools, type ToolSource } from '../kit/remote-tools.ts'
import { createLedger } from '../ledger/ledger.ts'
import { silenceFor } from '../postgres/database.ts'
import type { EmbeddedEvent } from '../postgres/embedded/supervise.ts'
import { openServerDatabase, type ServerDatabase } from '../postgres/open-database.ts'
import { type Datasets, openDatasets } from '../runtime/datasets.ts'
import { startTokenReport } from '../runtime/judge/token-usage.ts'
import { readJsonGraders } from '../runtime/openai-graders/read-json-graders.ts'
import { findInterpreter, type Interpreter, isolationOf } from '../runtime/python/python-runner.ts'
import { createToolServers, type OpenToolServers } from '../runtime/tool-servers/tool-servers.ts'
import { wires } from '../wires/wires.ts'
import { assembleServer } from './assemble.ts'
import { isOpen } from './auth/authenticate.ts'
import { type Config, type GivenVariables, loadSettings, readVariables } from './config/config.ts'
import { openDashboard } from './dashboard.ts'
import { createEndHook } from './end-hook.ts'
import { gradersWithHashes, warnOfChangedGraders } from './graders.ts'
import { exitWithMessage, handleUnhandledErrors, stopOnSignals } from './http/process-events.ts'
import { serve } from './http/serve.ts'
import { type ChosenWires, chooseWires } from './http/wire-ports.ts'
import { openMetrics } from './metrics/open-metrics.ts'
import { addJudgeMetrics, addPoolMetrics } from './metrics/process-metrics.ts'
import { addSandboxMetrics, limitsWithSandboxes, type OpenSandboxes, openSandboxes } from './sandboxes.ts'
import { keySources, startWarnings, takeoverReport, urlOf, wirePortNotices } from './start-notices.ts'
import { openTracing } from './tracing.ts'

/** The environment that a server serves: its tools and graders, and where their files are. */
export interface ServerProject {
  /** What `defineEnvironment` returns. */
  readonly environment: Pick<Environment<unknown, unknown, unknown>, 'budget' | 'settings'> &
    Partial<
      Pick<Environment<unknown, unknown, unknown>, 'hooks' | 'redact' | 'readItem' | 'submit' | 'trusted' | 'sandboxes'>
    >
  readonly tools: readonly ToolSource[]
  /** The first is the default grader. */
  readonly graders: readonly Grader[]
  /**
   * The folder that contains `graders/`, with a slash at its end. Its JSON files are served as graders too, and the hashes of
   * the graders' code are computed from it. Without it there are neither.
   */
  readonly folder?: URL
}

/**
 * Runs this process as a server: reads its settings from the environment variables, opens the database, listens, and
 * stops gracefully on a signal. When the start fails, it writes the reason to standard error and exits with 1.
 *
 * @example await startServer({ environment, tools, graders, folder: new URL('../', import.meta.url) })
 */
export async function startServer(project: ServerProject): Promise<void> {
  try {
    await start(project)
  } catch (error) {
    exitWithMessage(error)
  }
}

async function start(project: ServerProject): Promise<void> {
  const variables = readVariables()
  const { config: given, settings } = loadSettings(variables.env, project.environment.settings)
  const { sandboxes: plans = [] } = project.environment
  const config: Config = { ...given, limits: limitsWithSandboxes(given.limits, plans) }
  const chosen = chooseWires(wires, config)
  const redact = settings.hidden.length > 0 ? createRedactor(settings.hidden) : undefined
  const log = createLog(config.logLevel, redact)
  handleUnhandledErrors(process, log)
  for (const { code, message } of startWarnings(config, existsSync('.env'))) log.warn({ code }, message)
  const { folder } = project
  const jsonGraders = folder === undefined ? [] : readJsonGraders(new URL('graders/', folder))
  if (config.pythonGraders) void findInterpreter().then((found) => logInterpreter(found, log))
  const toolServers = createToolServers({ maxBytes: config.limits.maxOutputBytes })
  const tools = await loadTools(project.tools, toolServers, settings)
  const hashed = folder === undefined ? project.graders : await gradersWithHashes(project.graders, folder, log)
  const graders = gradersWithSettings(hashed, settings)
  const silence = silenceFor(config.limits.toolSeconds, [...tools, ...graders])
  const onEmbeddedEvent = ({ code, message }: EmbeddedEvent) => {
    if (code === 'embedded_postgres_restarted') return log.info({ code }, message)
    log.error({ code }, message)
    if (code === 'embedded_postgres_failed') exitWithMessage(new Error(message))
  }
  const { readItem = (item) => ({ fits: true, task: item, reference: item }) } = project.environment
  const tracing = config.tracing ? await openTracing() : undefined
  const datasets = await openDatasets(config.datasets, readItem)
  for (const { name, count } of datasets.splits)
    log.info({ split: name, rows: count }, `the split ${name} has ${count} rows`)
  const onTakeover = takeoverReport(log)
  const database = await openServerDatabase({ ...config, silence, onEmbeddedEvent, onTakeover })
  try {
    const hooks = project.environment.hooks?.(settings)
    const boxes = plans.length === 0 ? undefined : await openSandboxes({ config, plans, sql: database.sql, log })
    run({
      ...project,
      hooks,
      tools,
      toolServers,
      graders,
      jsonGraders,
      config,
      chosen,
      variables,
      log,
      redact,
      database,
      datasets,
      tracing,
      boxes,
    })
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Logs how this machine isolates Python, which decides how far graders' authors must be trusted. */
function logInterpreter(python: Interpreter, log: Log): void {
  if (!python.found) log.error({ code: 'python_missing' }, `Python graders cannot be run: ${python.reason}`)
  else {
    const isolation = isolationOf(python)
    log.info(
      { code: 'python_graders', isolation },
      `Python graders run with ${python.command}, isolated by ${isolation}`,
    )
  }
}

interface Started extends ServerProject {
  readonly tools: readonly Tool[]
  readonly toolServers: OpenToolServers
  readonly hooks: Hooks | undefined
  readonly jsonGraders: ReturnType<typeof readJsonGraders>
  readonly config: Config
  readonly chosen: ChosenWires
  readonly variables: GivenVariables
  readonly log: Log
  readonly redact: ((text: string) => string) | undefined
  readonly database: ServerDatabase
  readonly datasets: Datasets
  readonly boxes: OpenSandboxes | undefined
  /** Makes spans; undefined unless asked for. */
  readonly tracing: Observer | undefined
}

/** Listens, does the housekeeping, and stops both on a signal. */
function run(started: Started): void {
  const { config, variables, log, database, tools, graders, jsonGraders, tracing } = started
  const sandboxes = started.boxes?.sandboxes
  const { budget, trusted } = started.environment
  const observing = openMetrics({ config, log, tools, graders: [...graders, ...jsonGraders], tracing })
  const { metrics } = observing
  const { refusals, requestTotals } = observing
  const hasSandboxes = sandboxes !== undefined
  const dashboard = openDashboard({
    config,
    database,
    log,
    trusted,
    budget,
    metrics,
    refusals,
    requestTotals,
    hasSandboxes,
  })
  const { makeApp, judgeClient } = assembleServer({
    ...started,
    observing: observing.forApp,
    sandboxes,
    pagesWith: dashboard.pagesWith,
    budget,
    redaction: started.environment.redact,
    readItem: started.environment.readItem,
    submit: started.environment.submit,
  })
  const { leaseSeconds, waitSeconds, idleSeconds } = config.limits
  const { rolloutTables: tables } = database
  const ledger = createLedger({ ...database, budget: undefined, idleSeconds, tables, now: Date.now })
  const stopping = new AbortController()
  const ender = createEnder({
    ledger,
    log,
    waitSeconds,
    leaseSeconds,
    hook: createEndHook(started),
    hasRows: tables.length > 0,
    closeSandboxes: sandboxes?.end,
    stopping: stopping.signal,
  })
  const { retentionDays } = config
  const { expired: onExpired } = observing
  const { onDeleted } = dashboard
  const endHousekeeping = startHousekeeping({
    ledger,
    ender,
    sandboxes,
    log,
    leaseSeconds,
    retentionDays,
    onExpired,
    onDeleted,
  })
  addPoolMetrics(metrics, database.usage)
  if (sandboxes !== undefined) addSandboxMetrics(metrics, sandboxes)
  if (judgeClient !== undefined) addJudgeMetrics(metrics, judgeClient)
  const endTokenReport =
    judgeClient && startTokenReport({ usage: judgeClient.usage, report: (...line) => log.info(...line) })
  const { limits, host, port, drainSeconds, drainDelaySeconds } = config
  const drain = serve({
    ...observing.forSockets,
    makeApp(life) {
      started.boxes?.stopWith(life.stopping)
      return makeApp(life)
    },
    limits,
    log,
    host,
    port,
    drainSeconds,
    drainDelaySeconds,
    onListening(listeningPort, wirePorts, metricsPort) {
      const url = urlOf({ host, port: listeningPort })
      const facts = { url, database: database.where, tools: tools.length, graders: graders.length + jsonGraders.length }
      log.info(facts, `listening on ${url}, with ${database.where}`)
      const keys = keySources(variables)
      if (keys) log.info({ ...keys.facts }, keys.message)
      if (isOpen(config.auth)) log.warn({ code: 'open' }, 'no key is configured: anyone who can connect may call')
      if (metricsPort !== undefined) {
        const at = `${urlOf({ host, port: metricsPort })}/metrics`
        log.info({ code: 'metrics', url: at }, `metrics are served on ${at}`)
      }
      for (const { level, facts, message } of wirePortNotices(wirePorts, config.auth)) log[level](facts, message)
      void warnOfChangedGraders(database.sql, graders, log)
    },
    onError({ message }, place) {
      const isOwn = place.port === port && place.host === host
      const isOfMetrics = place.port === config.metricsPort && place.host === host
      const variable = isOfMetrics ? 'METRICS_PORT' : 'WIRE_PORTS'
      const where = isOwn ? `HOST ${host}, PORT ${port}` : `${place.host}:${place.port}, which ${variable} names`
      const problem = new Error(`cannot listen on ${where}: ${message}; choose another`)
      database.close().finally(() => exitWithMessage(problem))
    },
  })
  stopOnSignals(async (signal) => {
    log.info({ signal }, 'stopping: finishing running requests')
    endHousekeeping()
    stopping.abort(new Error('the server is stopping'))
    await drain()
    await started.boxes?.close()
    await started.toolServers.close()
    await endTokenReport?.()
    // Each waits for its own queries, which go unanswered while Postgres is unavailable.
    await Promise.all([dashboard.close(), database.close()])
    await started.datasets.close()
  }, config.isUnderNpm)
}
