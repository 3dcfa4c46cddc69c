import { setTimeout as sleep } from 'node:timers/promises'
import type { Hono } from 'hono'
import { z } from 'zod'
import { createLog } from '../src/base/log.ts'
import { defineEnvironment } from '../src/kit/define.ts'
import { openServerDatabase } from '../src/postgres/open-database.ts'
import { createApp } from '../src/server/app.ts'
import { createAuthenticator } from '../src/server/auth/authenticate.ts'
import { loadConfig } from '../src/server/config.ts'
import { serve } from '../src/server/serve.ts'
import { toolCallBody } from '../src/wires/agent-rft.ts'
import { readBody } from '../src/wires/read-body.ts'

// The server that the benches call: one tool of each kind that does next to nothing, a grader, and a bare route that
// does all that a call does but for the ledger. Its port is its first line.
const config = loadConfig(process.env)
const sleepSeconds = Number(process.env['SLEEP_SECONDS'] ?? 10)
const database = await openServerDatabase(config)
const { defineTool, defineGrader } = defineEnvironment({
  task: z.object({ messages: z.array(z.unknown()) }),
  reference: z.object({ reference_answer: z.string() }),
  state: z.object({ count: z.number().default(0) }),
  budget: { calls: 10 },
})
const head = { description: 'Answers at once.', input: z.object({ query: z.string() }) }
const authenticate = createAuthenticator(config.auth)
const tools = [
  defineTool({ ...head, name: 'none', effects: 'none', run: ({ input }) => input.query }),
  defineTool({
    ...head,
    name: 'database',
    effects: 'database',
    run({ state }) {
      state.count += 1
      return state.count
    },
  }),
  defineTool({ ...head, name: 'external', effects: 'external', run: ({ input }) => input.query }),
  defineTool({
    ...head,
    name: 'sleep',
    effects: 'external',
    timeoutSeconds: sleepSeconds + 60,
    async run({ input, signal }) {
      await sleep(sleepSeconds * 1000, undefined, { signal })
      return input.query
    },
  }),
]
const graders = [
  defineGrader({ name: 'calls', version: '1', range: [0, 10], grade: ({ trajectory }) => trajectory.length }),
]
const log = createLog('error')

const drain = serve({
  ...config,
  host: '127.0.0.1',
  port: 0,
  log,
  makeApp: (life) => {
    const deps = { database, tools, graders, budget: 10, authenticate, log, limits: config.limits, version: 'bench' }
    return withReferences(createApp({ ...life, ...deps, isMigrated: async () => true }))
  },
  onListening: (port) => process.stdout.write(`${port}\n`),
  onError(error) {
    throw error
  },
})
process.once('SIGTERM', async () => {
  await drain()
  await database.close()
  process.exit(0)
})

/** Adds the bare route, and one that writes one row a request. */
function withReferences(app: Hono): Hono {
  app.post('/bare', async (c) => {
    await authenticate(c.req.raw.headers)
    const body = await readBody(c, toolCallBody, config.limits.maxBodyBytes)
    const { query } = head.input.parse(JSON.parse(z.string().parse(body.arguments)))
    return c.json({ type: 'function_call_output', call_id: body.call_id, id: body.id, output: query })
  })

  app.post('/insert', async (c) => {
    await authenticate(c.req.raw.headers)
    const body = await readBody(c, toolCallBody, config.limits.maxBodyBytes)
    const { query } = head.input.parse(JSON.parse(z.string().parse(body.arguments)))
    const values = [`${body.trace_id} ${body.call_id}`, z.string().parse(body.arguments), query]
    await database.sql.unsafe('insert into reference_calls values ($1, $2::text::jsonb, $3)', values, { prepare: true })
    return c.json({ type: 'function_call_output', call_id: body.call_id, id: body.id, output: query })
  })

  return app
}
