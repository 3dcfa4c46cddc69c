import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

const requestShape = z.looseObject({
  model: z.string(),
  input: z.array(z.looseObject({ type: z.string() })),
  tools: z.array(z.looseObject({ type: z.string(), name: z.string() })),
  text: z.unknown().optional(),
  reasoning: z.unknown().optional(),
})

/** A request to the Responses API, as it arrived. */
export type ModelRequest = z.infer<typeof requestShape>

/** What the model does next: items of its output, a status with headers, or no answer. */
export type ModelTurn =
  | {
      readonly output: readonly object[]
      readonly usage?: readonly [input: number, output: number]
      readonly more?: object
    }
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | 'hang up'

/** The items of a model's output. */
export const say = {
  text: (text: string) => ({
    ...{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed' },
    content: [{ type: 'output_text', text, annotations: [] }],
  }),
  refusal: (refusal: string) => ({
    ...{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed' },
    content: [{ type: 'refusal', refusal }],
  }),
  call: (call_id: string, name: string, args: unknown) => ({
    ...{ type: 'function_call', id: `fc_${call_id}`, call_id, name, status: 'completed' },
    arguments: JSON.stringify(args),
  }),
  reasoning: (text: string) => ({
    ...{ type: 'reasoning', id: 'rs_1', encrypted_content: `sealed ${text}` },
    summary: [{ type: 'summary_text', text }],
  }),
}

/** A model behind the Responses API on this machine, whose turns are those of `next`. */
export async function modelServer(next: (request: ModelRequest, turn: number) => ModelTurn | Promise<ModelTurn>) {
  const requests: ModelRequest[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const read = requestShape.parse(JSON.parse(Buffer.concat(chunks).toString()))
      requests.push(read)
      if (request.url !== '/v1/responses' || request.headers.authorization !== 'Bearer sk-test') {
        return void response.writeHead(404).end()
      }
      void Promise.resolve(next(read, requests.length)).then((turn) => answer(response, turn))
    })
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address: AddressInfo | string | null = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(response: ServerResponse, turn: ModelTurn): void {
  if (turn === 'hang up') return void response.destroy()
  const json = { 'content-type': 'application/json' }
  if ('status' in turn) {
    return void response.writeHead(turn.status, { ...json, ...turn.headers }).end(JSON.stringify(turn.body ?? {}))
  }
  const [input_tokens, output_tokens] = turn.usage ?? [10, 5]
  const usage = { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens }
  const body = { id: 'resp_1', object: 'response', status: 'completed', output: turn.output, usage, ...turn.more }
  response.writeHead(200, json).end(JSON.stringify(body))
}
