import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'
import { mcpRoutes } from '../mcp/mcp.ts'
import { rolloutToken } from '../mcp/rollout.ts'
import type { Wire, WireDeps } from '../wire.ts'
import { addressesOf } from './addresses.ts'
import { addGymnasium } from './gymnasium.ts'
import { aggregateMetrics, metricsBody } from './metrics.ts'
import { failureMark, verifyBody } from './response.ts'
import { createRollouts, type Mount } from './rollouts.ts'
import { rowBody } from './row.ts'
import { returnedCookie, type Session } from './session.ts'

/** NVIDIA NeMo Gym: a resources server. Its client sends no key, repeats lost requests, and keeps the newest cookies. */
export const nemoGym: Wire = wireOf({ name: 'nemo-gym', prefix: '/nemo-gym', sendsKey: false, rotates: true })

/** The taskset `nemo_gym` of verifiers. Its client can send a key, repeats nothing, and keeps the cookies of the seed. */
export const verifiers: Wire = wireOf({ name: 'verifiers', prefix: '/verifiers', sendsKey: true, rotates: false })

function wireOf(mount: Mount): Wire {
  return {
    name: mount.name,
    prefix: mount.prefix,
    reservedToolNames: ['verify', 'seed_session', 'aggregate_metrics', 'mcp'],
    sendsKey: mount.sendsKey,
    describe: addressesOf,
    create(deps) {
      const routes = createRoutes(mount, deps)
      // With observability on, the client puts the rollout's id in front of each address.
      return new Hono().route('/ng-rollout/:ngRollout', routes).route('/', routes)
    },
  }
}

function createRoutes(mount: Mount, deps: WireDeps): Hono {
  const { allow, respond } = deps
  const rollouts = createRollouts(mount, deps)
  const app = new Hono()
  app.onError(async (error, c) => {
    const answer = respond(c, error)
    const body = z.looseObject({}).parse(await answer.json())
    return new Response(JSON.stringify({ ...body, ...failureMark }), { status: answer.status, headers: answer.headers })
  })
  app.use(async (c, next) => {
    await next()
    if (c.res.headers.has('set-cookie')) return
    const cookie = returnedCookie(c.req.raw.headers)
    if (cookie !== undefined) c.header('set-cookie', cookie)
  })

  const callTool = async (c: Context, tool: string, args: unknown): Promise<Response> => {
    const access = await allow(c.req.raw, 'tools')
    const session = await rollouts.session(c, access)
    const { output } = await rollouts.call(c, access, session, { tool, arguments: args })
    return c.text(output)
  }

  app.get('/', (c) => c.json({ name: 'scorekeeper', version: deps.version }))
  // A grading needs the recorded trajectory, which a row of an earlier collection does not name.
  app.get('/reverify_mode', (c) => c.json('unsupported'))
  app.post('/seed_session', async (c) => {
    const access = await allow(c.req.raw, 'tools')
    const read = await rollouts.read(c, rowBody)
    if (!read.fits) return await callTool(c, 'seed_session', read.body)
    const session = await rollouts.begin(c, access, read.body, 'tools')
    return c.json(asksForMcp(read.body) ? { mcp: await mcpSession(deps, session) } : {})
  })
  app.post('/verify', async (c) => {
    const access = await allow(c.req.raw, 'grade')
    const read = await rollouts.read(c, verifyBody, 'responses')
    if (!read.fits) return await callTool(c, 'verify', read.body)
    const session = await rollouts.session(c, access)
    const { score, parts } = await rollouts.grade(c, access, session, read.body)
    const rewarded = { ...read.body, ...partsBeside(read.body, parts), reward: score }
    return c.body(stringifyExactly(rewarded), 200, { 'content-type': 'application/json' })
  })
  app.post('/aggregate_metrics', async (c) => {
    await allow(c.req.raw, 'tools', 'grade')
    const read = await rollouts.read(c, metricsBody, 'responses')
    if (!read.fits) return await callTool(c, 'aggregate_metrics', read.body)
    return c.json(aggregateMetrics(read.body.verify_responses))
  })
  addGymnasium(app, rollouts, deps, callTool)
  app.route('/mcp', mcpRoutes(deps))
  app.on('POST', ['/', '/:tool{.+}'], async (c) => {
    // Before the body is read, because a key may be missing.
    await allow(c.req.raw, 'tools')
    const read = await rollouts.read(c, z.unknown())
    return await callTool(c, c.req.param('tool') ?? '', read.body)
  })
  return app
}

/** The fields of a row's copy that a part of the score must not replace. */
const ownFields: ReadonlySet<string> = new Set(['reward', 'response', 'responses_create_params', 'reward_components'])

/** The parts of a score as the client reads them: numbers beside the reward, and all of them by name. */
function partsBeside(body: object, parts: Readonly<Record<string, number>> | null) {
  if (parts === null) return {}
  const free = Object.entries(parts).filter(([name]) => !(name in body) && !ownFields.has(name))
  return { ...Object.fromEntries(free), reward_components: parts }
}

/** Whether a row asks for the tools over MCP. */
const asksForMcp = (row: object) => '_ng_mcp' in row && row._ng_mcp === true

/** What a client needs to call the tools of a rollout over MCP. */
async function mcpSession({ tokens }: WireDeps, session: Session) {
  return {
    server_name: 'scorekeeper',
    url_path: '/mcp',
    transport: 'http',
    headers: { 'X-NeMo-Gym-Session-Token': await rolloutToken(tokens, session) },
  }
}
