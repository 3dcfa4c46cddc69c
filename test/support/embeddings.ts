import { createServer } from 'node:http'
import { z } from 'zod'

const asked = z.object({ input: z.array(z.string()), model: z.string() })

/** The answer of a test's embeddings endpoint to its nth request: a status and headers, or vectors by text. */
export interface EmbeddingsEndpoint {
  readonly url: string
  readonly requests: { readonly texts: string[]; readonly key: string | undefined; readonly model: string }[]
  close(): Promise<void>
}

/** Serves OpenAI's embeddings API on a free port, with the vectors of `vectorOf` unless `refuse` returns a status. */
export async function serveEmbeddings(
  vectorOf: (text: string) => number[],
  refuse: (request: number) => { status: number; headers?: Record<string, string> } | undefined = () => undefined,
): Promise<EmbeddingsEndpoint> {
  const requests: EmbeddingsEndpoint['requests'] = []
  const server = createServer(async (request, response) => {
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk)
    const { input, model } = asked.parse(JSON.parse(Buffer.concat(body).toString()))
    requests.push({ texts: input, key: request.headers.authorization, model })
    const refusal = request.url === '/v1/embeddings' ? refuse(requests.length) : { status: 404 }
    if (refusal) {
      response.writeHead(refusal.status, refusal.headers).end('{"error":{"message":"not now"}}')
      return
    }
    const data = input.map((text, index) => ({ index, embedding: vectorOf(text) }))
    // An API may answer in any order: the index counts.
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data: data.reverse() }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
