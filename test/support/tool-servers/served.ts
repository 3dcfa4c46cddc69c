import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { onTestFinished } from 'vitest'
import { createLetterServer, type Letters } from './letter-server.ts'

/** An HTTP server of a test. */
export interface Served {
  readonly url: string
  /** Stops it; connections are cut. */
  stop(): Promise<void>
}

/** Serves requests on a free port of this machine, or on a given one, until the test has finished. */
export async function serve(fetch: (request: Request) => Response | Promise<Response>, port = 0): Promise<Served> {
  const server = createServer(getRequestListener(fetch, { overrideGlobalObjects: false }))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  onTestFinished(stop)
  const address = server.address()
  return { url: `http://127.0.0.1:${portOf(address)}`, stop }
}

function portOf(address: string | AddressInfo | null): number {
  if (typeof address === 'object' && address !== null) return address.port
  throw new Error('the server does not listen on a port')
}

/** Serves the letter server over Streamable HTTP. */
export async function serveLetters(letters: Letters, port = 0): Promise<Served> {
  const handler = createMcpHandler(() => createLetterServer(letters))
  const served = await serve((request) => handler.fetch(request), port)
  return { ...served, url: `${served.url}/mcp` }
}
