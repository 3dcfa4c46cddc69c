import type { Hono } from 'hono'
import { z } from 'zod'
import { createLog } from '../src/base/log.ts'
import { createTurns } from '../src/base/turns.ts'
import { createEnder } from '../src/core/end.ts'
import { startHousekeeping } from '../src/core/housekeeping.ts'
import { startFolding } from '../src/dashboard/fold-loop.ts'
import { createLedger } from '../src/ledger/ledger.ts'
import { openDatabase } from '../src/postgres/database.ts'
import { openServerDatabase } from '../src/postgres/open-database.ts'
import { createApp } from '../src/server/app.ts'
import { createAuthenticator } from '../src/server/auth/authenticate.ts'
import { loadConfig } from '../src/server/config/config.ts'
import { serve } from '../src/server/http/serve.ts'
import { openMetrics } from '../src/server/metrics/open-metrics.ts'
import { toolCallBody } from '../src/wires/agent-rft.ts'
import { readBody } from '../src/wires/read-body.ts'
import { benchTools, callsGrader, pageOf, toolInput } from './environment.ts'

// The server that the benches call: the bench's tools and grader, and a bare route that does all that a call does except
// for the ledger. The first line that it prints is its port.
const config = loadConfig(process.env)
const sleepSeconds = Number(process.env['SLEEP_SECONDS'] ?? 10)
const database = await openServerDatabase(config)
const authenticate = createAuthenticator(config.auth)
const outputBytes = Number(process.env['OUTPUT_BYTES'] ?? 0)
const page = pageOf(outputBytes)
const tools = benchTools(sleepSeconds, outputBytes)
const graders = [callsGrader]
const log = createLog('error')
// With the metrics that every server counts.
const { forApp, forSockets } = openMetrics({ config, log, tools, graders })

// With the housekeeping that every server does.
const { leaseSeconds, waitSeconds } = config.limits
const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
const ender = createEnder({ ledger, log, waitSeconds, leaseSeconds, stopping: new AbortController().signal })
const endHousekeeping = startHousekeeping({ ledger, ender, log, leaseSeconds, retentionDays: undefined })

const drain = serve({
  ...config,
  ...forSockets,
  host: '127.0.0.1',
  port: 0,
  log,
  makeApp: (life) => {
    const deps = { database, tools, graders, budget: 10, authenticate, log, limits: config.limits, version: 'bench' }
    return withReferences(createApp({ ...life, ...forApp, ...deps, isMigrated: async () => true }))
  },
  onListening: (port) => process.stdout.write(`${port}\n`),
  onError(error) {
    throw error
  },
})
process.once('SIGTERM', async () => {
  await drain()
  endHousekeeping()
  await database.close()
  process.exit(0)
})

/** Adds the bare route, one that inserts one row per request, and one that starts and ends the folding. */
function withReferences(app: Hono): Hono {
  const { maxBodyBytes } = config.limits
  const turns = createTurns()
  app.post('/bare', async (c) => {
    await authenticate(c.req.raw.headers)
    const body = await readBody(c, toolCallBody, { maxBodyBytes, turns })
    const { query } = toolInput.parse(JSON.parse(z.string().parse(body.arguments)))
    return c.json({ type: 'function_call_output', call_id: body.call_id, id: body.id, output: page || query })
  })

  app.post('/insert', async (c) => {
    await authenticate(c.req.raw.headers)
    const body = await readBody(c, toolCallBody, { maxBodyBytes, turns })
    const { query } = toolInput.parse(JSON.parse(z.string().parse(body.arguments)))
    const values = [`${body.trace_id} ${body.call_id}`, z.string().parse(body.arguments), page || query]
    await database.sql.unsafe('insert into reference_calls values ($1, $2::text::jsonb, $3)', values, { prepare: true })
    return c.json({ type: 'function_call_output', call_id: body.call_id, id: body.id, output: page || query })
  })

  // A server of the benches does not fold unless it is told to, so that one can measure what that costs.
  let endFolding: (() => Promise<void>) | undefined
  app.post('/folding', async (c) => {
    await authenticate(c.req.raw.headers)
    await endFolding?.()
    endFolding = c.req.query('on') === 'true' ? fold() : undefined
    return c.json({})
  })

  return app
}

/** Folds as a server does, but counts the calls of rollouts that are not graded after a second; returns the function that ends it. */
function fold(): () => Promise<void> {
  const { sql, close } = openDatabase({ url: database.url, poolSize: 1 })
  const end = startFolding({ sql, log, openSeconds: 1 })
  return async () => {
    await end()
    await close()
  }
}
