import { createServer, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { z } from 'zod'

const asked = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })),
})

/** A request to the model server. */
export interface ModelRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: z.infer<typeof asked>
}

/** A response of the model server. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** The raw response and its socket, for incomplete answers and broken connections. */
export interface Hand {
  readonly response: ServerResponse
  readonly socket: Socket
}

/** The answer to the nth request, from 1; undefined if it writes the raw response itself, or never answers. */
export type Behaviour = (request: ModelRequest, n: number, by: Hand) => Answer | undefined | Promise<Answer | undefined>

/** A server with OpenAI's chat completions. */
export interface ModelServer {
  readonly url: string
  readonly requests: readonly ModelRequest[]
  /** How many requests are open. */
  readonly open: () => number
  close(): Promise<void>
}

/** An answer: a text as it is, or any value as JSON. */
export const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers: { 'content-type': typeof body === 'string' ? 'text/html' : 'application/json', ...headers },
})

/** A chat completion with this content, 10 prompt tokens, 4 of them cached, and 5 completion tokens. */
export const completion = (content: unknown, more: Readonly<Record<string, unknown>> = {}) =>
  answer(200, {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm-2026-01-01',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content, refusal: null } }],
    usage: {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
    },
    ...more,
  })

/** A verdict in the judge's format. */
export const verdict = (score: unknown, reasoning: unknown = 'because') =>
  completion(JSON.stringify({ reasoning, score }))

/** An error in OpenAI's format. */
export const apiError = (status: number, message: string, code: string | null = null, headers = {}) =>
  answer(status, { error: { message, type: 'error', param: null, code } }, headers)

/** Serves chat completions on a free port. */
export async function serveModel(behave: Behaviour): Promise<ModelServer> {
  const requests: ModelRequest[] = []
  let open = 0
  const server = createServer(async (request, response) => {
    open += 1
    response.on('close', () => {
      open -= 1
    })
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = asked.parse(JSON.parse(Buffer.concat(chunks).toString()))
    const read = { path: request.url ?? '', headers: request.headers, body }
    const n = requests.push(read)
    const reply = await behave(read, n, { response, socket: request.socket })
    if (reply !== undefined) response.writeHead(reply.status, reply.headers).end(reply.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    requests,
    open: () => open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
