/** Runs work in a free slot; rejects with the signal's reason if that aborts while the work waits for one. */
export type Slots = <Result>(signal: AbortSignal, work: () => Promise<Result>) => Promise<Result>

/** Makes `count` slots for work; further work waits, first come, first served. */
export function createSlots(count: number): Slots {
  let free = count
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

/** Does the work for each of a list, for at most `atOnce` at the same time, and resolves with all outcomes in their order. */
export async function settleAll<In, Out>(
  list: readonly In[],
  atOnce: number,
  work: (one: In, place: number) => Promise<Out>,
): Promise<readonly PromiseSettledResult<Out>[]> {
  const outcomes: PromiseSettledResult<Out>[] = []
  const waiting = list.entries()
  const worker = async () => {
    for (const [place, one] of waiting) {
      const [outcome] = await Promise.allSettled([work(one, place)])
      outcomes[place] = outcome
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, list.length) }, worker))
  return outcomes
}

interface Flight<Result> {
  readonly result: Promise<Result>
  readonly controller: AbortController
  waiting: number
}

/** Runs the work of a key, or joins the one that runs; rejects with the signal's reason when that aborts. */
export type SingleFlight<Result> = (
  key: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
) => Promise<Result>

/**
 * Makes a single-flight group: equal work that is requested at the same time is done once. A caller that leaves does not
 * disturb the others: the work's own signal aborts when the last caller has left.
 */
export function createSingleFlight<Result>(): SingleFlight<Result> {
  const flights = new Map<string, Flight<Result>>()

  const start = (key: string, work: (signal: AbortSignal) => Promise<Result>): Flight<Result> => {
    const controller = new AbortController()
    const started = { result: work(controller.signal), controller, waiting: 0 }
    flights.set(key, started)
    const over = () => forget(key, started)
    started.result.then(over, over)
    return started
  }
  const forget = (key: string, flight: Flight<Result>) => {
    if (flights.get(key) === flight) flights.delete(key)
  }

  return async (key, signal, work) => {
    signal.throwIfAborted()
    const flight = flights.get(key) ?? start(key, work)
    flight.waiting += 1
    return new Promise<Result>((resolve, reject) => {
      const stop = () => {
        flight.waiting -= 1
        if (flight.waiting === 0) {
          // Later callers start the work again.
          forget(key, flight)
          flight.controller.abort(signal.reason)
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
      flight.result.then(end(resolve), end(reject))
    })
  }
}
