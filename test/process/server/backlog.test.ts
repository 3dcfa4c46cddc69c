import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { addressOf, kill, spawnServer } from '../../support/server-process.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

/** The system's limit on the connections that can wait for a frozen process. */
const allowed = () => {
  try {
    return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
  } catch {
    return 100
  }
}

it('queues the new connections of a burst while it cannot accept any of them', async () => {
  const home = await createTestDatabase()
  const folder = makeFolder()
  const server = spawnServer(folder, { DATABASE_URL: home.url, PORT: '0' })
  const sockets: Socket[] = []
  try {
    const port = Number(new URL(await addressOf(server)).port)
    server.child.kill('SIGSTOP')
    const count = Math.min(900, allowed())
    let connected = 0
    for (let n = 0; n < count; n += 1) {
      const socket = connect(port, '127.0.0.1', () => {
        connected += 1
      })
      socket.on('error', () => undefined)
      sockets.push(socket)
    }
    // The kernel retries a connection that was not queued, which cannot succeed while the server is frozen.
    await expect.poll(() => connected, { timeout: 5_000 }).toBe(count)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.child.kill('SIGCONT')
    await kill(server)
    await home.drop()
    await removeFolder(folder)
  }
})
