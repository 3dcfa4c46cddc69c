import type { Server } from 'node:http'
import { Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { type Connections, watchConnections } from './connections.ts'

/** For how long a peer may keep the server waiting, in seconds. */
export interface Patience {
  /** For the head of a request. */
  readonly head: number
  /** For all of a request. */
  readonly request: number
  /** For the next bytes of an answer to be taken. */
  readonly answer: number
  /** For the next request on a connection. */
  readonly idle: number
}

// Load balancers keep idle connections for a minute: what they use again must not be closing.
const defaultPatience: Patience = { head: 30, request: 60, answer: 60, idle: 75 }

/**
 * Makes an HTTP server, not listening yet, that waits for no peer for ever: who sends too slowly, or does not take the
 * answer, is cut off. How long an answer is being made is not its business.
 */
export function createHttpServer(
  fetch: Hono['fetch'],
  patience: Patience = defaultPatience,
): { readonly server: Server; readonly connections: Connections } {
  const serverOptions = {
    headersTimeout: patience.head * 1000,
    requestTimeout: patience.request * 1000,
    keepAliveTimeout: patience.idle * 1000,
    connectionsCheckingInterval: Math.min(5_000, patience.head * 1000),
  }
  const made = createAdaptorServer({ fetch, serverOptions })
  if (!('headersTimeout' in made)) throw new Error('the server is none for HTTP/1.1')
  const server = made
  const connections = watchConnections(server)

  server.timeout = patience.answer * 1000
  server.on('timeout', (socket: Socket) => {
    // Between requests another time-out holds; and nothing moves while a tool runs, but then nothing is to be taken either.
    if (socket.timeout !== server.timeout || socket.writableLength > 0) socket.destroy()
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket instanceof Socket && connections.isFree(socket)) socket.write(refusalOf(error.code))
    socket.destroy()
  })
  return { server, connections }
}

/** A request that never became one, answered as HTTP. */
function refusalOf(code = ''): string {
  const [status, name, message] = refusals[code] ?? ['400 Bad Request', 'bad_request', 'this is no HTTP request']
  const body = JSON.stringify({ error: { code: name, message } })
  const retry = status.startsWith('503') ? 'retry-after: 1\r\n' : ''
  return `HTTP/1.1 ${status}\r\n${retry}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}

const refusals: Readonly<Record<string, readonly [status: string, code: string, message: string]>> = {
  // Not a 408, which a trainer would show to the model: a slow network, or a process that was frozen, is neither's fault.
  ERR_HTTP_REQUEST_TIMEOUT: [
    '503 Service Unavailable',
    'request_timed_out',
    'the request did not come in time; try again',
  ],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers_too_large', 'the headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'body_too_large', 'the extensions of a chunk are too large'],
}
