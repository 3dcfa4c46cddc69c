import { once } from 'node:events'
import { createServer } from 'node:http'
import { z } from 'zod'

const effect = z.object({ number: z.number(), callId: z.string(), execution: z.number(), nonce: z.string() })

/** One external effect: the attempt's number and the call, the execution that the tool was told, and a nonce of its own. */
export type OutsideEffect = z.output<typeof effect>

/** A service outside the replicas that records the tools' effects on it. */
export interface Outside {
  readonly url: string
  readonly effects: readonly OutsideEffect[]
  close(): Promise<void>
}

/** Starts the outside service on a free port. */
export async function openOutside(): Promise<Outside> {
  const effects: OutsideEffect[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(Buffer.from(chunk))
    } catch {
      return
    }
    effects.push(effect.parse(JSON.parse(Buffer.concat(chunks).toString())))
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.object({ port: z.number() }).parse(server.address())
  return {
    url: `http://127.0.0.1:${port}`,
    effects,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
