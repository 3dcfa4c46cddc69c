import { createServer, type Server } from 'node:http'
import { Socket } from 'node:net'
import { getRequestListener, RequestError as TargetError } from '@hono/node-server'
import type { Hono } from 'hono'
import { type Connections, watchConnections } from './connections.ts'
import type { DirectCalls } from './direct-calls.ts'

/** How long a peer may keep the server waiting, in seconds. */
export interface PeerTimeouts {
  /** For the head of a request. */
  readonly head: number
  /** For all of a request. */
  readonly request: number
  /** For the peer to read the next bytes of an answer. */
  readonly answer: number
  /** For the next request on a connection. */
  readonly idle: number
}

// Load balancers keep idle connections for a minute, and must not reuse one that is closing.
const defaultTimeouts: PeerTimeouts = { head: 30, request: 60, answer: 60, idle: 75 }

/** How an HTTP server differs from the usual one. */
export interface HttpServerOptions {
  readonly timeouts?: PeerTimeouts
  /** Answers the tool calls that need nothing of the app's routes. */
  readonly direct?: DirectCalls | undefined
}

/**
 * Creates an HTTP server that is not listening yet. It disconnects peers that send too slowly or do not read the answer,
 * but does not limit how long a handler takes.
 */
export function createHttpServer(
  fetch: Hono['fetch'],
  { timeouts = defaultTimeouts, direct }: HttpServerOptions = {},
): { readonly server: Server; readonly connections: Connections } {
  const serverOptions = {
    headersTimeout: timeouts.head * 1000,
    requestTimeout: timeouts.request * 1000,
    keepAliveTimeout: timeouts.idle * 1000,
    // A missing host is refused below, with a message.
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(5_000, timeouts.head * 1000),
  }
  const listener = getRequestListener(fetch, { errorHandler: refused })
  const server = createServer(serverOptions, (request, response) => {
    // HTTP/1.0 needs no host.
    if (request.httpVersion === '1.0') request.headers.host ??= 'localhost'
    // The options of the server as a whole, which are those of its root.
    if (request.url === '*' && request.method === 'OPTIONS') request.url = '/'
    if (direct?.(request, response) !== true) void listener(request, response)
  })
  const connections = watchConnections(server)

  server.timeout = timeouts.answer * 1000
  server.on('timeout', (socket: Socket) => {
    // Between requests another timeout applies. While a tool runs no bytes move either, but then none wait to be read.
    if (socket.timeout !== server.timeout || socket.writableLength > 0) socket.destroy()
  })
  server.on('checkExpectation', (_, response) => {
    const body = errorJson('expectation_failed', 'only the expectation 100-continue is supported')
    response.writeHead(417, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const refuse = () => {
      if (socket instanceof Socket && connections.isFree(socket)) socket.write(refusalOf(error.code))
      socket.destroy()
    }
    // What is invalid came after a request that is not answered yet.
    const answer = socket instanceof Socket ? connections.answering(socket) : undefined
    if (answer === undefined) refuse()
    else answer.once('close', refuse)
  })
  return { server, connections }
}

/** The answer to a request whose host or target is invalid, so that the app cannot handle it. */
function refused(error: unknown): Response {
  const body =
    error instanceof TargetError
      ? errorJson('bad_request', `the address cannot be read: ${error.message}`)
      : errorJson('internal_error', 'the server failed; try again')
  const status = error instanceof TargetError ? 400 : 500
  return new Response(body, { status, headers: { 'content-type': 'application/json' } })
}

const errorJson = (code: string, message: string) => JSON.stringify({ error: { code, message } })

/** The answer to bytes that are not a valid request. */
function refusalOf(code = ''): string {
  const [status, name, message] = refusals[code] ?? [
    '400 Bad Request',
    'bad_request',
    'this is not a valid HTTP request',
  ]
  const body = errorJson(name, message)
  const retry = status.startsWith('503') ? 'retry-after: 1\r\n' : ''
  return `HTTP/1.1 ${status}\r\n${retry}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}

const refusals: Readonly<Record<string, readonly [status: string, code: string, message: string]>> = {
  // Not a 408, which a trainer would show to the model: a slow network or a frozen process is not the model's fault.
  ERR_HTTP_REQUEST_TIMEOUT: [
    '503 Service Unavailable',
    'request_timed_out',
    'the request did not arrive in time; try again',
  ],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers_too_large', 'the headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'body_too_large', 'the extensions of a chunk are too large'],
}
