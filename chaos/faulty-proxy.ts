import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { z } from 'zod'

/** A TCP proxy in front of a server that simulates network faults. */
export interface FaultyProxy {
  readonly port: number
  /** Delays every chunk of data by `ms` milliseconds, in each direction. */
  delay(ms: number): void
  /** Stalls all connections without closing them. */
  stall(): void
  /** Ends a stall and forwards the data that waited. */
  flow(): void
  /** Resets all open connections and returns their number. */
  cut(): number
  close(): Promise<void>
}

/** Opens a proxy on the loopback address; `target` returns the port to connect to for each new connection. */
export async function openFaultyProxy(target: () => number): Promise<FaultyProxy> {
  const sockets = new Set<Socket>()
  let delayMs = 0
  let stalled: (() => void)[] | undefined

  const pass = (from: Socket, to: Socket) => {
    // One chunk at a time, so that bytes stay in order when the delay changes.
    let last = Promise.resolve()
    const inTurn = (action: () => void) => {
      const due = delayMs === 0 ? undefined : new Promise<void>((resolve) => setTimeout(resolve, delayMs))
      const gate = stalled
      const open = gate && new Promise<void>((resolve) => gate.push(resolve))
      last = last.then(() => Promise.all([due, open])).then(action)
    }
    from.on('data', (chunk) => {
      inTurn(() => {
        if (!to.destroyed) to.write(chunk)
      })
    })
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      inTurn(() => to.destroy())
    })
    sockets.add(from)
  }
  const server = createServer((client) => {
    const behind = connect({ port: target(), host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    pass(client, behind)
    pass(behind, client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  const flow = () => {
    const waiting = stalled ?? []
    stalled = undefined
    for (const go of waiting) go()
  }
  return {
    port: z.object({ port: z.number() }).parse(server.address()).port,
    delay(ms) {
      delayMs = ms
    },
    stall() {
      stalled ??= []
    },
    flow,
    cut() {
      const count = sockets.size / 2
      for (const socket of sockets) socket.resetAndDestroy()
      return count
    },
    async close() {
      flow()
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
