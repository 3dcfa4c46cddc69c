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

interface Running<Result> {
  readonly result: Promise<Result>
  readonly controller: AbortController
  waiting: number
}

/** Runs the work of a key, or joins the one that runs; rejects with the reason of the signal when that aborts. */
export type SharedWork<Result> = (
  key: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
) => Promise<Result>

/**
 * Makes a place where equal work that is asked for at the same time is done once. Who leaves takes nothing from the others:
 * the work's own signal aborts when the last who waits for it has left.
 */
export function createSharedWork<Result>(): SharedWork<Result> {
  const running = new Map<string, Running<Result>>()

  const start = (key: string, work: (signal: AbortSignal) => Promise<Result>): Running<Result> => {
    const controller = new AbortController()
    const started = { result: work(controller.signal), controller, waiting: 0 }
    running.set(key, started)
    const over = () => forget(key, started)
    started.result.then(over, over)
    return started
  }
  const forget = (key: string, one: Running<Result>) => {
    if (running.get(key) === one) running.delete(key)
  }

  return async (key, signal, work) => {
    signal.throwIfAborted()
    const one = running.get(key) ?? start(key, work)
    one.waiting += 1
    return new Promise<Result>((resolve, reject) => {
      const stop = () => {
        one.waiting -= 1
        if (one.waiting === 0) {
          // Whoever comes now begins anew.
          forget(key, one)
          one.controller.abort(signal.reason)
        }
        reject(signal.reason)
      }
      const end = <Value>(settle: (value: Value) => void) => {
        return (value: Value) => {
          signal.removeEventListener('abort', stop)
          settle(value)
        }
      }
      signal.addEventListener('abort', stop, { once: true })
      one.result.then(end(resolve), end(reject))
    })
  }
}
