/** Work that runs in this process, by group and key: a second request for the same shares the result of the first. */
export interface SingleFlight<Result> {
  /** Joins the work of the group that has this key if it runs, otherwise starts it; the group counts as busy until it ends. */
  join(
    group: string,
    key: string,
    start: () => Promise<Result>,
  ): { readonly joined: boolean; readonly result: Promise<Result> }
  /** Whether any work of this group runs. */
  isBusy(group: string): boolean
}

/** Creates a {@link SingleFlight} with no work running. */
export function createSingleFlight<Result>(): SingleFlight<Result> {
  // A list for each group, because few groups have more than one piece of work: a map of long keys would hash each of them.
  const running = new Map<string, { readonly key: string; readonly result: Promise<Result> }[]>()
  return {
    isBusy: (group) => running.has(group),
    join(group, key, start) {
      const earlier = running.get(group)?.find((work) => work.key === key)
      if (earlier !== undefined) return { joined: true, result: earlier.result }
      const result = start()
      const work = { key, result }
      const works = running.get(group)
      if (works === undefined) running.set(group, [work])
      else works.push(work)
      const end = () => {
        const left = running.get(group) ?? []
        if (left.length <= 1) running.delete(group)
        else left.splice(left.indexOf(work), 1)
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
