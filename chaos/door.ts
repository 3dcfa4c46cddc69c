import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { z } from 'zod'

/** A TCP proxy in front of a server, whose network can be made bad. */
export interface Door {
  readonly port: number
  /** Delays every chunk of data by `ms` milliseconds, in each direction. */
  delay(ms: number): void
  /** Passes nothing on and closes nothing. */
  stall(): void
  /** Ends a stall and passes on what waited. */
  flow(): void
  /** Resets all open connections and gives their number. */
  cut(): number
  close(): Promise<void>
}

/** Opens a proxy on the loopback address to the port that `target` names when a connection is made. */
export async function openDoor(target: () => number): Promise<Door> {
  const sockets = new Set<Socket>()
  let delayMs = 0
  let stalled: (() => void)[] | undefined

  const pass = (from: Socket, to: Socket) => {
    // In sequence, even when the delay changes: bytes keep their order.
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
