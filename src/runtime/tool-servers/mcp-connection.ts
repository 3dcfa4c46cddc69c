import type { CallToolResult, Client, Transport } from '@modelcontextprotocol/client'
import { version } from '../../base/version.ts'
import { RequestError, ToolError } from '../../kit/errors.ts'
import { placeOf } from '../../kit/remote-tools.ts'
import type { McpAddress, McpCommand, RemoteCall, ToolServer } from '../../kit/tool-servers.ts'
import { readAddress } from '../outbound/addresses.ts'
import { textOfContent } from './content.ts'

/** A connection to an MCP server, which is made again when it is lost. */
export interface McpConnection extends ToolServer {
  close(): Promise<void>
}

/** A client, and how many calls use it. */
interface Link {
  readonly client: Client
  calls: number
  /** Whether no new call uses it. */
  retired: boolean
}

/** The longest delay of a Node timer: a call ends by its signal. */
const noTimeout = 2_147_483_647

/**
 * Connects to an MCP server and reads its tools. A connection that is lost is made again by the next call.
 *
 * Throws an Error that says why the server cannot be used.
 */
export async function connectMcp(address: McpAddress | McpCommand, seconds: number): Promise<McpConnection> {
  const where = placeOf(address)
  let link: Promise<Link> | undefined
  let isClosed = false

  const open = async (): Promise<Link> => {
    const opened: Link = { client: await openClient(address, seconds), calls: 0, retired: false }
    opened.client.onclose = () => retire(opened)
    return opened
  }
  const current = async (): Promise<Link> => {
    if (isClosed) throw new Error('the server is stopping')
    link ??= open().catch((error: unknown) => {
      link = undefined
      throw error
    })
    return await link
  }
  /** Lets the running calls of a link end; the next call opens another one. */
  const retire = (used: Link) => {
    if (!used.retired) link = undefined
    used.retired = true
    if (used.calls === 0) void used.client.close().catch(() => undefined)
  }

  const callOnce = async (call: RemoteCall): Promise<CallToolResult> => {
    const used = await current().catch((cause: unknown) => {
      throw unavailable(where, cause)
    })
    used.calls += 1
    try {
      return await used.client.callTool(
        { name: call.tool, arguments: { ...call.input }, _meta: metaOf(call) },
        { signal: call.signal, timeout: noTimeout },
      )
    } catch (error) {
      call.signal.throwIfAborted()
      const kind = kindOf(error)
      if (kind === 'answered') throw new Error(`${where} failed: ${messageOf(error)}`, { cause: error })
      retire(used)
      throw kind === 'session lost' ? new SessionLost() : unavailable(where, error)
    } finally {
      used.calls -= 1
      if (used.retired && used.calls === 0) void used.client.close().catch(() => undefined)
    }
  }

  const first = await current().catch((cause: unknown) => {
    const how = address.kind === 'command' ? 'correct the command in toolsFrom' : 'start it, or correct its address'
    throw new Error(`${where} cannot be reached: ${reasonOf(cause)}; ${how}`, { cause })
  })
  const { tools } = await first.client.listTools().catch((cause: unknown) => {
    void first.client.close().catch(() => undefined)
    throw new Error(`${where} does not list its tools: ${reasonOf(cause)}`, { cause })
  })
  return {
    tools: tools.map(({ name, title, description, inputSchema: { $schema: _, ...parameters } }) => ({
      name,
      description: description ?? title ?? '',
      parameters,
    })),
    async call(call) {
      // The server refuses a session that it does not know before it runs anything.
      const result = await callOnce(call).catch((error: unknown) => {
        if (error instanceof SessionLost) return callOnce(call)
        throw error
      })
      const text = textOfContent(result)
      if (result.isError === true)
        throw new ToolError(text || `${call.tool} failed without saying why; try other arguments`)
      return text
    },
    async close() {
      isClosed = true
      const opened = await link?.catch(() => undefined)
      await opened?.client.close()
    },
  }
}

class SessionLost extends Error {}

async function openClient(address: McpAddress | McpCommand, seconds: number): Promise<Client> {
  const { Client } = await import('@modelcontextprotocol/client')
  // A command is not probed for its revision, because the probe would start it a second time.
  const mode = address.kind === 'mcp' ? 'auto' : 'legacy'
  const client = new Client({ name: 'scorekeeper', version }, { versionNegotiation: { mode } })
  await client.connect(await transportOf(address), { timeout: seconds * 1000 })
  return client
}

async function transportOf(address: McpAddress | McpCommand): Promise<Transport> {
  if (address.kind === 'mcp') {
    const read = readAddress(address.url)
    if (!read.ok) throw new Error(`the address ${read.problem}`)
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
    return new StreamableHTTPClientTransport(read.url, { requestInit: { headers: { ...address.headers } } })
  }
  const { getDefaultEnvironment, StdioClientTransport } = await import('@modelcontextprotocol/client/stdio')
  const { command, args, env, cwd } = address
  return new StdioClientTransport({
    command,
    args: [...args],
    env: { ...getDefaultEnvironment(), ...env },
    ...(cwd !== undefined && { cwd }),
  })
}

/** What a server may use to recognize a repeated call. */
function metaOf({ run, rolloutId, callId, execution }: RemoteCall) {
  return {
    'scorekeeper/run': run,
    'scorekeeper/rollout-id': rolloutId,
    'scorekeeper/call-id': callId,
    'scorekeeper/execution': execution,
  }
}

function unavailable(where: string, cause: unknown): RequestError {
  const message = `${where} is unavailable; try again`
  return new RequestError(503, 'tool_server_unavailable', message, { cause, retryAfterSeconds: 2 })
}

type Failure = 'answered' | 'session lost' | 'connection lost'

/** What a failed call says about its server. Errors of the protocol have a number as their code, those of the client a text. */
function kindOf(error: unknown): Failure {
  const code = propertyOf(error, 'code')
  if (typeof code === 'number') return 'answered'
  if (code === 'INVALID_RESULT' || code === 'UNSUPPORTED_RESULT_TYPE') return 'answered'
  return propertyOf(error, 'status') === 404 ? 'session lost' : 'connection lost'
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** The reason of a failed connection: the system's code or the innermost message, because fetch says "fetch failed" alone. */
export function reasonOf(error: unknown): string {
  let innermost = messageOf(error)
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const code = propertyOf(cause, 'code')
    if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return code
    const status = propertyOf(cause, 'status')
    if (typeof status === 'number') return `it answers ${status}`
    innermost = cause.message
  }
  return innermost
}
