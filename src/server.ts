import { existsSync } from 'node:fs'
import { graders } from '../graders/index.ts'
import { environment } from '../schema/environment.ts'
import { tools } from '../tools/index.ts'
import { createLog, type Log } from './base/log.ts'
import { version } from './base/version.ts'
import { startHousekeeping } from './core/housekeeping.ts'
import { createLedger } from './ledger/ledger.ts'
import { silenceFor } from './postgres/database.ts'
import { isMigrated } from './postgres/migrate.ts'
import { openServerDatabase, type ServerDatabase } from './postgres/open-database.ts'
import { createEmbed } from './runtime/embeddings.ts'
import { createAsking } from './runtime/judge/asking.ts'
import { createJudge } from './runtime/judge/judge.ts'
import { createModelRunners } from './runtime/judge/model-runners.ts'
import { startTokenReport } from './runtime/judge/token-usage.ts'
import { readJsonGraders } from './runtime/openai-graders/read-json-graders.ts'
import { readAllowedAddresses } from './runtime/outbound/addresses.ts'
import { createOutbound } from './runtime/outbound/outbound.ts'
import { createPythonRunner, findInterpreter, type Interpreter } from './runtime/python/python-runner.ts'
import { type AppDeps, createApp } from './server/app.ts'
import { createAuthenticator, isOpen } from './server/auth/authenticate.ts'
import { gradersWithHashes, warnOfChangedGraders } from './server/changed-graders.ts'
import { type Config, loadConfig, readEnvironment } from './server/config.ts'
import { serve } from './server/serve.ts'
import { startWarnings } from './server/start-warnings.ts'
import { surviveStrays } from './server/unhandled-errors.ts'
import { watchParent } from './server/watch-parent.ts'

async function start(): Promise<void> {
  const config = loadConfig(readEnvironment())
  const log = createLog(config.logLevel)
  surviveStrays(process, log)
  for (const { code, message } of startWarnings(config, existsSync('.env'))) log.warn({ code }, message)
  const jsonGraders = readJsonGraders(new URL('../graders/', import.meta.url))
  const outbound = createOutbound({
    allowed: readAllowedAddresses(config.allowedAddresses),
    seconds: config.limits.graderSeconds,
    maxBytes: config.limits.maxBodyBytes,
  })
  if (config.pythonGraders) void findInterpreter().then((found) => sayHow(found, log))
  const silence = silenceFor(config.limits.toolSeconds, [...tools, ...graders])
  const database = await openServerDatabase({ ...config, silence })
  try {
    listen({ config, log, database, graders: await gradersWithHashes(graders, log), jsonGraders, outbound })
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Which of the ways to run Python this machine allows decides how far a grader's author must be trusted. */
function sayHow(python: Interpreter, log: Log): void {
  if (!python.found) log.error({ code: 'python_missing' }, `Python graders cannot be run: ${python.reason}`)
  else {
    const { isolation } = python.confinement
    log.info({ code: 'python_graders', isolation }, `Python graders are run by ${python.command}, with ${isolation}`)
  }
}

interface Parts extends Pick<AppDeps, 'graders' | 'jsonGraders' | 'outbound'> {
  readonly config: Config
  readonly log: Log
  readonly database: ServerDatabase
}

function listen({ config, log, database, graders, jsonGraders = [], outbound }: Parts): void {
  const warn = (message: string) => log.warn({ code: 'jwks_unreachable' }, message)
  const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
  const { limits, host } = config
  const { leaseSeconds } = limits
  const asking = config.judge && createAsking(config.judge)
  const endHousekeeping = startHousekeeping({ ledger, log, leaseSeconds, retentionDays: config.retentionDays })
  const endTokenReport = asking && startTokenReport({ asking, say: (...line) => log.info(...line) })
  const drain = serve({
    ...config,
    log,
    makeApp: (life) =>
      createApp({
        ...life,
        database,
        tools,
        graders,
        budget: environment.budget,
        authenticate: createAuthenticator(config.auth, { warn }),
        log,
        limits,
        version,
        isMigrated: () => isMigrated(database.sql),
        embed: config.embeddings && createEmbed(config.embeddings),
        judge: asking && createJudge(asking),
        jsonGraders,
        runners: {
          ...(asking && createModelRunners(asking)),
          ...(config.pythonGraders && { python: createPythonRunner() }),
        },
        outbound,
        publicUrl: config.publicUrl,
      }),
    onListening(port) {
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
      const facts = { url, database: database.where, tools: tools.length, graders: graders.length + jsonGraders.length }
      log.info(facts, `listening on ${url}, with ${database.where}`)
      if (isOpen(config.auth)) log.warn({ code: 'open' }, 'no key is configured: whoever reaches this address may call')
      void warnOfChangedGraders(database.sql, graders, log)
    },
    onError({ message }) {
      const problem = new Error(`cannot listen on HOST ${host}, PORT ${config.port}: ${message}; choose another`)
      database.close().finally(() => fail(problem))
    },
  })

  let stoppingSince: number | undefined
  const stop = (signal: string) => {
    if (stoppingSince !== undefined) {
      // A terminal's Ctrl-C arrives twice, once by way of npm: only a later one is somebody's impatience.
      if (performance.now() - stoppingSince > 1_000) process.exit(1)
      return
    }
    stoppingSince = performance.now()
    log.info({ signal }, 'stopping: what runs may finish')
    endHousekeeping()
    drain()
      .then(() => endTokenReport?.())
      .then(() => database.close())
      .then(() => process.exit(0), fail)
  }
  // SIGHUP: somebody closed the terminal.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
  if (config.isUnderNpm) watchParent(() => stoppingSince === undefined && stop('the parent ended'))
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

await start().catch(fail)
