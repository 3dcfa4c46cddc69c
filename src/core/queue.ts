/**
 * Gives a function that runs one piece of work a key at a time, in the order of asking, so that the calls of one rollout
 * which would wait for its lock anyway wait here, without a connection.
 */
export function createQueueByKey(): <Result>(key: string, work: () => Promise<Result>) => Promise<Result> {
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
