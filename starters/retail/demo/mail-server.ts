import { once } from 'node:events'
import { createServer } from 'node:http'
import { z } from 'zod'

/** A mail that was delivered. */
export interface Delivered {
  /** The idempotency key that it came with. */
  readonly key: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

/** A mail service on this machine that delivers to a list: for tests, the demo and `simulate`. */
export interface MailServer {
  readonly url: string
  readonly delivered: readonly Delivered[]
  close(): Promise<void>
}

const mail = z.object({ to: z.string(), subject: z.string(), text: z.string() })

/** Starts a {@link MailServer}. A key that it knows is answered again and not delivered again; port 0 takes any free one. */
export async function startMailServer(port = 0): Promise<MailServer> {
  const delivered: Delivered[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const key = String(request.headers['idempotency-key'] ?? '')
    const read = mail.safeParse(JSON.parse(Buffer.concat(chunks).toString() || 'null'))
    if (!read.success) {
      response.writeHead(400).end()
      return
    }
    if (!delivered.some((one) => one.key === key)) delivered.push({ key, ...read.data })
    response.writeHead(202).end()
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const { port: taken } = z.object({ port: z.number() }).parse(server.address())
  return {
    url: `http://127.0.0.1:${taken}/mail`,
    delivered,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
