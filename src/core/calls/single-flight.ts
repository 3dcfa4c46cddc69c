/** Work that runs in this process, by key: a second request for the same key shares the result of the first. */
export interface SingleFlight<Result> {
  /** Joins the work of this key if it runs, otherwise starts it; `group` counts as busy until it ends. */
  join(
    key: string,
    group: string,
    start: () => Promise<Result>,
  ): { readonly joined: boolean; readonly result: Promise<Result> }
  /** Whether any work of this group runs. */
  isBusy(group: string): boolean
}

/** Creates a {@link SingleFlight} with no work running. */
export function createSingleFlight<Result>(): SingleFlight<Result> {
  const running = new Map<string, Promise<Result>>()
  const busy = new Map<string, number>()
  return {
    isBusy: (group) => busy.has(group),
    join(key, group, start) {
      const earlier = running.get(key)
      if (earlier !== undefined) return { joined: true, result: earlier }
      const result = start()
      running.set(key, result)
      busy.set(group, (busy.get(group) ?? 0) + 1)
      const end = () => {
        running.delete(key)
        const left = (busy.get(group) ?? 1) - 1
        if (left > 0) busy.set(group, left)
        else busy.delete(group)
      }
      result.then(end, end)
      return { joined: false, result }
    },
  }
}

/**
 * Creates a keyed mutex: a function that runs one piece of work per key at a time, in the order of the calls. Calls of
 * one rollout that would wait for its database lock wait here instead, without holding a connection.
 */
export function createKeyedMutex(): <Result>(key: string, work: () => Promise<Result>) => Promise<Result> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(work, work)
    const settled = mine.catch(() => undefined)
    last.set(key, settled)
    try {
      return await mine
    } finally {
      if (last.get(key) === settled) last.delete(key)
    }
  }
}
