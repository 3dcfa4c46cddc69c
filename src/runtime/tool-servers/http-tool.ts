import { connect as connectSocket } from 'node:net'
import { retryAfterMs, withDeadline } from '../../base/deadline.ts'
import { stringifyExactly } from '../../base/exact-json.ts'
import { parseJson } from '../../base/json.ts'
import { shorten } from '../../base/text.ts'
import { RequestError, ToolError } from '../../kit/errors.ts'
import { placeOf } from '../../kit/remote-tools.ts'
import type { HttpAddress, RemoteCall, RemoteDefinition, ToolServer } from '../../kit/tool-servers.ts'
import { readAddress } from '../outbound/addresses.ts'
import { OutboundError } from '../outbound/outbound-error.ts'
import { systemResolve } from '../outbound/public-network.ts'
import { type Received, send } from '../outbound/send.ts'
import { sentHeaders } from '../outbound/sent-headers.ts'
import { toolInOpenApi } from './openapi-tool.ts'

/** The options of {@link connectHttpTool}. */
export interface HttpToolOptions {
  readonly connectSeconds: number
  readonly maxBytes: number
}

/**
 * Makes a tool of an address that takes its arguments as a JSON body. What is not given of its definition is read from the
 * OpenAPI document; with a complete definition only a connection is tried.
 *
 * Throws an Error that says why the address cannot be used.
 */
export async function connectHttpTool(address: HttpAddress, options: HttpToolOptions): Promise<ToolServer> {
  const where = placeOf(address)
  const read = readAddress(address.url)
  if (!read.ok) throw new Error(`${where} cannot be called: the address ${read.problem}`)
  const { url } = read
  const definition = await definitionOf(address, url, options.connectSeconds)
  const given = sentHeaders(address.headers)
  return {
    tools: [definition],
    async call(call) {
      const headers = new Map([...given, ...callHeaders(call)])
      const body = Buffer.from(stringifyExactly(call.input))
      const received = await post({ url, headers, body, maxBytes: options.maxBytes }, where, call.signal)
      return outputOf(received, where, address.refused)
    },
  }
}

async function definitionOf(address: HttpAddress, url: URL, connectSeconds: number): Promise<RemoteDefinition> {
  const { name = lastPart(url), description, parameters } = address
  const where = placeOf(address)
  const late = () => new Error(`${where} cannot be reached: no answer in ${connectSeconds} seconds`)
  const deadline = { seconds: connectSeconds, late }
  if (parameters !== undefined && description !== undefined) {
    await withDeadline(deadline, (signal) => tryToConnect(url, where, signal))
    return { name, description, parameters }
  }
  const described = await withDeadline(deadline, (signal) => toolInOpenApi(address, url, where, signal))
  return { name, description: description ?? described.description, parameters: parameters ?? described.parameters }
}

const lastPart = (url: URL) => url.pathname.split('/').findLast((part) => part !== '') ?? ''

/** What a server may use to recognize a repeated call. Ids can have characters that a header cannot. */
function callHeaders({ run, rolloutId, callId, execution }: RemoteCall): [string, string][] {
  const [inRun, rollout, call] = [run, rolloutId, callId].map(encodeURIComponent)
  return [
    ['x-run', `${inRun}`],
    ['x-rollout-id', `${rollout}`],
    ['x-call-id', `${call}`],
    ['x-execution', String(execution)],
    ['idempotency-key', `${inRun}/${rollout}/${call}`],
  ]
}

async function tryToConnect(url: URL, where: string, signal: AbortSignal): Promise<void> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const socket = connectSocket({ host: hostOf(url), port, signal })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve())
      socket.once('error', (cause: NodeJS.ErrnoException) => {
        const why = cause.code ?? cause.message
        reject(new Error(`${where} cannot be reached: ${why}; start it, or correct its address`, { cause }))
      })
    })
  } finally {
    socket.destroy()
  }
}

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '')

type Posting = Omit<Parameters<typeof send>[0], 'addresses'>

async function post(posting: Posting, where: string, signal: AbortSignal): Promise<Received> {
  const addresses = await systemResolve(hostOf(posting.url)).catch((cause: unknown) => {
    throw unavailable(where, cause)
  })
  signal.throwIfAborted()
  return await send({ ...posting, addresses }, signal).catch((cause: unknown) => {
    signal.throwIfAborted()
    if (cause instanceof OutboundError && cause.reason === 'too_large') {
      throw new ToolError(`the answer is larger than ${posting.maxBytes} bytes; ask for less`)
    }
    throw unavailable(where, cause)
  })
}

function unavailable(where: string, cause: unknown, retryAfterSeconds = 2): RequestError {
  const message = `${where} is unavailable; try again`
  return new RequestError(503, 'tool_server_unavailable', message, { cause, retryAfterSeconds })
}

function outputOf({ status, headers, body }: Received, where: string, refused: readonly number[]): string {
  const text = body.toString()
  const json = jsonOf(text)
  if (status >= 200 && status < 300) return typeof json === 'string' ? json : text
  if (refused.includes(status)) throw new ToolError(reasonIn(json) ?? (text || `the tool answered ${status}`))
  const cause = new Error(`${where} answered ${status}: ${shorten(text, 500)}`)
  if (status !== 429 && status !== 503) throw cause
  throw unavailable(where, cause, Math.ceil((retryAfterMs(headers['retry-after']) ?? 2_000) / 1000))
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** The sentence in the body of an error: FastAPI's `detail`, and the fields that others use. */
function reasonIn(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null) return typeof json === 'string' ? json : undefined
  for (const field of ['detail', 'message', 'error']) {
    const value: unknown = Reflect.get(json, field)
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'object' && value !== null) return stringifyExactly(value)
  }
  return undefined
}
