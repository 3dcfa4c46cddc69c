/** Runs work while no more than so many pieces of it run; whoever's signal aborts stops waiting for its turn. */
export type Slots = <Result>(signal: AbortSignal, work: () => Promise<Result>) => Promise<Result>

/** Makes slots for `most` pieces of work at once; what finds none free waits, first come, first served. */
export function createSlots(most: number): Slots {
  let free = most
  const waiting = new Set<() => void>()

  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const come = () => {
        signal.removeEventListener('abort', stop)
        resolve()
      }
      const stop = () => {
        waiting.delete(come)
        reject(signal.reason)
      }
      waiting.add(come)
      signal.addEventListener('abort', stop, { once: true })
    })

  const leave = () => {
    const [next] = waiting
    if (next === undefined) {
      free += 1
      return
    }
    waiting.delete(next)
    next()
  }

  return async (signal, work) => {
    signal.throwIfAborted()
    if (free > 0) free -= 1
    else await enter(signal)
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
