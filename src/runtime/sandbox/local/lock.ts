import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * Runs work while no other process on this host holds the name. `work` gets a signal that aborts when the caller's does or
 * when {@link stopHolder} asks for it, and one that aborts for the latter alone.
 *
 * The name is an abstract Unix socket: the kernel releases it when its holder dies, so no lock is ever stale, and those who
 * wait are connected to the holder and learn at once that it has gone.
 */
export async function withLock<Result>(
  name: string,
  signal: AbortSignal,
  work: (signal: AbortSignal, stopped: AbortSignal) => Promise<Result>,
): Promise<Result> {
  for (;;) {
    signal.throwIfAborted()
    const stop = new AbortController()
    const lock = await take(name, stop)
    if (lock !== undefined) {
      try {
        return await work(AbortSignal.any([signal, stop.signal]), stop.signal)
      } finally {
        lock.release()
      }
    }
    await released(name, signal)
  }
}

/** Asks the holder of a lock, if there is one, to stop its work. */
export async function stopHolder(name: string): Promise<void> {
  const socket = connect(`\0${name}`)
  socket.on('error', () => undefined)
  socket.end('stop')
  await once(socket, 'close').catch(() => undefined)
}

/** Takes the lock; undefined if another process or another task of this one holds it. */
function take(name: string, stop: AbortController): Promise<{ readonly release: () => void } | undefined> {
  return new Promise((resolve, reject) => {
    const waiting = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      waiting.add(socket)
      socket.on('error', () => undefined)
      socket.once('data', () => {
        stop.abort(new Error('the sandbox is being closed'))
        socket.end()
      })
      socket.once('close', () => waiting.delete(socket))
    })
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    const release = () => {
      server.close()
      for (const socket of waiting) socket.destroy()
    }
    server.listen(`\0${name}`, () => resolve({ release }))
  })
}

/** Resolves when the holder has released the lock or died. */
async function released(name: string, signal: AbortSignal): Promise<void> {
  const socket = connect(`\0${name}`)
  const leave = () => socket.destroy()
  signal.addEventListener('abort', leave, { once: true })
  socket.on('error', () => undefined)
  socket.resume()
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  signal.removeEventListener('abort', leave)
}
