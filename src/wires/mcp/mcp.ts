import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { RequestError } from '../../kit/errors.ts'
import { headerValue, onlyBy } from '../http.ts'
import { readBody } from '../read-body.ts'
import type { Wire, WireDeps } from '../wire.ts'
import { addressesOf } from './addresses.ts'
import { createExchanges } from './exchange.ts'
import { newRollout, readRollout, sessionToken } from './rollout.ts'
import { seedingRoutes } from './seeding.ts'

/**
 * The Model Context Protocol over Streamable HTTP, in the revisions 2025-11-25, with its predecessors, and 2026-07-28. A token
 * in the address or in a header names the rollout; without one, a session of the older revisions is a rollout.
 */
export const mcp: Wire = {
  name: 'mcp',
  prefix: '/mcp',
  sendsKey: true,
  describe: addressesOf,
  create: mcpRoutes,
}

const message = z.looseObject({
  id: z.unknown(),
  method: z.string().optional(),
})

/** The routes of this wire, which other wires can serve below their own prefix. */
export function mcpRoutes(deps: WireDeps): Hono {
  const { allow, respond } = deps
  const answer = createExchanges(deps)
  const app = new Hono()
  app.onError(async (error, c) => rpcAnswer(respond(c, error)))

  const serve = async (c: Context): Promise<Response> => {
    refuseOtherOrigins(c, deps.publicUrl)
    const access = await allow(c.req.raw, 'tools')
    const body = await readBody(c, z.unknown(), deps)
    if (Array.isArray(body)) {
      throw new RequestError(400, 'batch_unsupported', 'the body is a batch; send one message in each request')
    }
    const { id = null, method } = message.safeParse(body).data ?? {}
    if (method === 'subscriptions/listen')
      return c.json(rpcError(id, -32_601, 'the list of tools does not change'), 404)
    const named = await readRollout(c, access, deps.tokens)
    if (named === undefined && method === 'server/discover') return c.json(olderRevisionOnly(id), 400)
    const rollout = named ?? newRollout(access.run())
    const headers = new Map([['x-rollout-id', headerValue(rollout.rolloutId)]])
    if (named === undefined && method === 'initialize') {
      headers.set('mcp-session-id', await sessionToken(deps.tokens, rollout))
    }
    return await answer({ c, access, rollout, body, headers })
  }

  app.route('/rollouts', seedingRoutes(deps))
  app.post('/', serve)
  app.post('/:token', serve)
  // There is nothing to listen to, and a rollout ends with its grading or when it is idle, not with its session.
  for (const path of ['/', '/:token']) app.all(path, onlyBy('POST'))
  return app
}

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

/** The answer to an error as an error of JSON-RPC, with the same status. */
async function rpcAnswer(answer: Response): Promise<Response> {
  const { error } = failure.parse(await answer.json())
  const { status } = answer
  const code = error.code === 'invalid_json' ? -32_700 : status === 400 ? -32_600 : -32_000
  const headers = new Headers(answer.headers)
  headers.delete('content-length')
  return Response.json(rpcError(null, code, error.message, { code: error.code, status }), { status, headers })
}

function rpcError(id: unknown, code: number, message: string, data?: object) {
  const known = typeof id === 'string' || Number.isSafeInteger(id) ? id : null
  return { jsonrpc: '2.0', id: known, error: { code, message, ...(data && { data }) } }
}

/**
 * The answer to a client that asks for the newest revision without a token: it has no sessions, so that each call would be a
 * rollout of its own. Clients that speak both revisions begin a session of the older one.
 */
function olderRevisionOnly(id: unknown) {
  const text =
    'without a token of a rollout this server speaks 2025-11-25, whose sessions are rollouts; ' +
    'for 2026-07-28 begin a rollout with POST /mcp/rollouts and connect to the address in its answer'
  return rpcError(id, -32_022, text, { supported: ['2025-11-25'], requested: '2026-07-28' })
}

/** Refuses what a page in a browser sends, except from this machine or this server: its name may resolve to this server. */
function refuseOtherOrigins(c: Context, publicUrl: string | undefined): void {
  const origin = c.req.header('origin')
  if (origin === undefined) return
  const host = URL.canParse(origin) ? new URL(origin).hostname : undefined
  const own = publicUrl === undefined ? undefined : new URL(publicUrl).hostname
  if (host !== undefined && ['localhost', '127.0.0.1', '[::1]', own].includes(host)) return
  throw new RequestError(
    403,
    'origin_forbidden',
    'pages of other sites may not call this server; PUBLIC_URL is its own address',
  )
}
