import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'

/** A request that a test's server received. */
export interface Asked {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A test's server on a loopback address. */
export interface Listening {
  readonly origin: string
  readonly port: number
  readonly asked: Asked[]
  close(): Promise<void>
}

/** Starts a server that answers with `answer`, which gets the request and its number, from 1. */
export async function listen(
  answer: (response: ServerResponse, asked: Asked, count: number) => void,
): Promise<Listening> {
  const asked: Asked[] = []
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method, url: path, headers } = request
    const one = { method, path, headers, body: Buffer.concat(chunks).toString() }
    answer(response, one, asked.push(one))
  }
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    port: address.port,
    asked,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Answers with JSON. */
export const json = (response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}) =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
