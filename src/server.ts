import { existsSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { graders } from '../graders/index.ts'
import { environment } from '../schema/environment.ts'
import { tools } from '../tools/index.ts'
import { createApp } from './app.ts'
import { createAuthenticator, isOpen } from './auth/authenticate.ts'
import { type Config, loadConfig, readEnvironment } from './config.ts'
import { createEmbed } from './embeddings.ts'
import { RequestError } from './errors.ts'
import { startHousekeeping } from './housekeeping.ts'
import { createLedger } from './ledger/ledger.ts'
import { createLog, type Log } from './log.ts'
import { isMigrated } from './migrate.ts'
import { openServerDatabase, type ServerDatabase } from './open-server-database.ts'
import { startWarnings } from './start-warnings.ts'
import { surviveStrays } from './strays.ts'
import { version } from './version.ts'
import { watchParent } from './watch-parent.ts'

async function start(): Promise<void> {
  const config = loadConfig(readEnvironment())
  const log = createLog(config.logLevel)
  surviveStrays(process, log)
  for (const { code, message } of startWarnings(config, existsSync('.env'))) log.warn({ code }, message)
  const database = await openServerDatabase(config)
  try {
    listen(config, log, database)
  } catch (error) {
    await database.close()
    throw error
  }
}

function listen(config: Config, log: Log, database: ServerDatabase): void {
  const stopping = new AbortController()
  const warn = (message: string) => log.warn({ code: 'jwks_unreachable' }, message)
  const app = createApp({
    database,
    tools,
    graders,
    budget: environment.budget,
    authenticate: createAuthenticator(config.auth, { warn }),
    log,
    limits: config.limits,
    version,
    isMigrated: () => isMigrated(database.sql),
    embed: config.embeddings && createEmbed(config.embeddings),
    stopping: stopping.signal,
  })
  const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
  const { leaseSeconds } = config.limits
  const endHousekeeping = startHousekeeping({ ledger, log, leaseSeconds, retentionDays: config.retentionDays })

  // Longer than the minute for which load balancers keep idle connections: what they reuse must not be closing.
  const serverOptions = { keepAliveTimeout: 75_000 }
  const where = { hostname: config.host, port: config.port }
  const server = serve({ fetch: app.fetch, serverOptions, ...where }, ({ port }) => {
    const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`
    const facts = { url, database: database.where, tools: tools.length, graders: graders.length }
    log.info(facts, `listening on ${url}, with ${database.where}`)
    if (isOpen(config.auth)) log.warn({ code: 'open' }, 'no key is configured: whoever reaches this address may call')
  })
  server.on('error', (error: Error) => {
    const problem = new Error(
      `cannot listen on HOST ${config.host}, PORT ${config.port}: ${error.message}; choose another`,
    )
    database.close().finally(() => fail(problem))
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
    const timer = setTimeout(() => {
      stopping.abort(new RequestError(503, 'server_stopping', 'the server stops; try again', { retryAfterSeconds: 2 }))
      // Time to say so; then what does not listen is cut off.
      setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), 2_000)
    }, config.drainSeconds * 1000)
    server.close(() => {
      clearTimeout(timer)
      database.close().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      )
    })
    // A connection that is kept alive would hold the door open after its last answer.
    setInterval(() => 'closeIdleConnections' in server && server.closeIdleConnections(), 100)
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
