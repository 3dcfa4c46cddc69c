import type { CallToolResult, Server } from '@modelcontextprotocol/server'
import type { Context } from 'hono'
import { z } from 'zod'
import { storable } from '../../base/text.ts'
import type { ToolAnswer } from '../../core/calls/calls.ts'
import { RequestError } from '../../kit/errors.ts'
import type { Access } from '../http.ts'
import { turnOf } from '../read-body.ts'
import type { WireDeps } from '../wire.ts'
import { type NamedRollout, unknownRollout } from './rollout.ts'

/** One request and what it is about. */
export interface Exchange {
  readonly c: Context
  readonly access: Access
  readonly rollout: NamedRollout
  /** The parsed body, one message. */
  readonly body: unknown
  /** Where the headers of the answer are added. */
  readonly headers: Map<string, string>
}

/** The most UTF-16 units of a tool's name and of a call's id, as on every wire. */
const longestName = 256

/** Keys of `_meta`. */
const key = {
  rollout: 'scorekeeper/rollout-id',
  call: 'scorekeeper/call-id',
} as const

const callMeta = z.looseObject({
  [key.call]: z.union([z.string().min(1).max(longestName), z.number().refine(Number.isSafeInteger)]).optional(),
})

/** The time in which a client need not ask for the list of tools again, in milliseconds. */
const listLifetime = 60_000

/** Makes the function that answers a message with the official SDK, which is loaded with the first message. */
export function createExchanges(deps: WireDeps): (exchange: Exchange) => Promise<Response> {
  const exchanges = new WeakMap<Request, Exchange>()
  let prepared: ReturnType<typeof prepare> | undefined
  const prepare = async () => {
    const sdk = await import('@modelcontextprotocol/server')
    const { ProtocolError } = sdk
    const serverFor = (exchange: Exchange): Server => {
      const server = new sdk.Server(
        { name: 'scorekeeper', version: deps.version },
        {
          capabilities: { tools: {} },
          cacheHints: { 'tools/list': { ttlMs: listLifetime, cacheScope: 'private' } },
        },
      )
      server.setRequestHandler('tools/list', () => ({ tools: listed }))
      server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
        try {
          return await callTool(deps, exchange, { ...params, meta: mcpReq._meta })
        } catch (error) {
          if (!(error instanceof RequestError)) throw error
          deps.respond(exchange.c, error)
          const { status, code, message, retryAfterSeconds } = error
          const rpcCode = code === 'invalid_request' ? -32_602 : -32_000
          throw new ProtocolError(rpcCode, message, { code, status, retryAfterSeconds })
        }
      })
      return server
    }
    const listed = deps.tools.map(({ name, description, parameters, effects }) => ({
      name,
      description,
      inputSchema: { ...parameters, type: 'object' as const },
      ...(effects === 'none' && { annotations: { readOnlyHint: true } }),
    }))
    const modern = sdk.createMcpHandler(({ requestInfo }) => serverFor(known(exchanges, requestInfo)), {
      legacy: 'reject',
    })
    /** Answers a message of an older revision with one JSON body, whose status and headers are known then. */
    const older = async (exchange: Exchange): Promise<Response> => {
      const server = serverFor(exchange)
      const transport = new sdk.WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
      await server.connect(transport)
      try {
        return await transport.handleRequest(exchange.c.req.raw, { parsedBody: exchange.body })
      } finally {
        await server.close()
      }
    }
    return async (exchange: Exchange): Promise<Response> => {
      const request = exchange.c.req.raw
      if (await sdk.isLegacyRequest(request, exchange.body)) return await older(exchange)
      exchanges.set(request, exchange)
      return await modern.fetch(request, { parsedBody: exchange.body })
    }
  }
  return async (exchange) => {
    prepared ??= prepare()
    const response = await (await prepared)(exchange)
    for (const [name, value] of exchange.headers) response.headers.set(name, value)
    return response
  }
}

function known(exchanges: WeakMap<Request, Exchange>, request: Request | undefined): Exchange {
  const exchange = request && exchanges.get(request)
  if (exchange === undefined) throw new Error('the SDK serves a request that it was not given')
  return exchange
}

interface CallParams {
  readonly name: string
  readonly arguments?: Readonly<Record<string, unknown>> | undefined
  readonly meta: unknown
}

async function callTool(deps: WireDeps, exchange: Exchange, params: CallParams): Promise<CallToolResult> {
  const { c, access, rollout, headers } = exchange
  const tool = storable(params.name)
  if (tool.length > longestName) throw invalid(`the tool's name has more than ${longestName} characters`)
  const meta = callMeta.safeParse(params.meta ?? {})
  if (!meta.success) {
    throw invalid(`_meta["${key.call}"] must be a string of 1 to ${longestName} characters, or a whole number`)
  }
  const given = meta.data[key.call]
  const callId = given === undefined ? undefined : String(given)
  const { run, rolloutId, number } = rollout
  const seeded = number === undefined ? undefined : await deps.sessions.find({ run, rolloutId, number })
  if (number !== undefined && seeded === undefined) throw unknownRollout()
  await turnOf(c, deps)
  const answer = await deps
    .call({
      run,
      wire: 'mcp',
      key: access.key,
      rolloutId,
      callId,
      tool,
      arguments: params.arguments,
      item: seeded?.item ?? {},
      ...(seeded && { itemHash: seeded.itemHash, attempt: seeded.number }),
    })
    .catch((error: unknown) => {
      if (seeded === undefined && error instanceof RequestError && error.status === 422) return needsItem(error)
      throw error
    })
  if ('content' in answer) return answer
  headers.set('x-outcome', answer.outcome)
  if (answer.replayed) headers.set('x-replayed', 'true')
  return resultOf(answer)
}

const invalid = (message: string) => new RequestError(400, 'invalid_request', message)

function resultOf({ rolloutId, callId, outcome, output }: ToolAnswer): CallToolResult {
  return {
    content: [{ type: 'text', text: output }],
    isError: outcome === 'refused',
    _meta: { [key.rollout]: rolloutId, [key.call]: callId },
  }
}

/** What somebody reads who connected without an item to an environment that needs one. */
function needsItem({ message }: RequestError): CallToolResult {
  const text =
    `${message}. This connection has no item of a dataset: begin a rollout with POST /mcp/rollouts, ` +
    'whose body has "item", or "split" and "index", and connect to the address in its answer.'
  return { content: [{ type: 'text', text }], isError: true }
}
