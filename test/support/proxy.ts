import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { z } from 'zod'

/** A proxy in front of a database that can hold back traffic. */
export interface HoldingProxy {
  readonly url: string
  /**
   * From now on, holds back the bytes in this direction: of each connection on which a client sends `word`, from that
   * message on; without a word, of all new connections. Bytes for the server are kept when the client disconnects.
   */
  hold(direction: 'to server' | 'to client', word?: string): void
  /** Holds no further connection. */
  pass(): void
  /** How many connections have been held so far. */
  readonly held: number
  /** Delivers the bytes that were kept for the server; resolves once the server has answered each of these connections. */
  release(): Promise<void>
  close(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  kept: Buffer[]
  holds: 'to server' | 'to client' | undefined
}

/** Starts a {@link HoldingProxy} in front of a database. */
export async function startHoldingProxy(target: string): Promise<HoldingProxy> {
  const { hostname, port } = new URL(target)
  const pairs = new Set<Pair>()
  let rule: { direction: 'to server' | 'to client'; word: string | undefined } | undefined
  let held = 0
  const holdNow = (pair: Pair) => {
    if (pair.holds === undefined) held += 1
    pair.holds = rule?.direction
  }

  const entrance = createServer((client) => {
    const server = connect(Number(port || 5432), hostname)
    const pair: Pair = { client, server, kept: [], holds: undefined }
    pairs.add(pair)
    if (rule !== undefined && rule.word === undefined) holdNow(pair)
    client.on('data', (chunk) => {
      if (rule?.word !== undefined && chunk.includes(rule.word)) holdNow(pair)
      if (pair.holds === 'to server') pair.kept.push(chunk)
      else server.write(chunk)
    })
    server.on('data', (chunk) => {
      if (pair.holds === 'to client') pair.kept.push(chunk)
      else client.write(chunk)
    })
    client.on('error', () => {}).on('close', () => pair.holds === 'to server' || server.destroy())
    server.on('error', () => {}).on('close', () => client.destroy() && pairs.delete(pair))
  }).listen(0, '127.0.0.1')
  await once(entrance, 'listening')
  const url = new URL(target)
  url.host = `127.0.0.1:${z.object({ port: z.number() }).parse(entrance.address()).port}`

  return {
    url: url.href,
    hold(direction, word) {
      rule = { direction, word }
    },
    pass() {
      rule = undefined
    },
    get held() {
      return held
    },
    async release() {
      const late = [...pairs].filter(({ holds }) => holds === 'to server')
      await Promise.all(
        late.map(async ({ server, kept }) => {
          const answer = once(server, 'data')
          for (const chunk of kept) server.write(chunk)
          await answer
          // The rest of its answer.
          server.end()
          await once(server, 'close')
        }),
      )
    },
    async close() {
      entrance.close()
      for (const { client, server } of pairs) {
        client.destroy()
        server.destroy()
      }
      if (entrance.listening) await once(entrance, 'close')
    },
  }
}
