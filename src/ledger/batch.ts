/** What a {@link createBatcher} needs to know. */
export interface BatchSettings<Entry, Result> {
  /** Handles entries together, one result an entry in the same order; either all of it takes effect or none. */
  readonly run: (entries: readonly Entry[]) => Promise<readonly Result[]>
  /** At most this many entries at a time. */
  readonly maxEntries: number
  /** At most this many bytes at a time, by `sizeOf`; a larger single entry goes alone. */
  readonly maxBytes: number
  readonly sizeOf: (entry: Entry) => number
  /** Two entries of one key do not go together: the later one sees what the earlier one has done. */
  readonly keyOf?: (entry: Entry) => string
  /** Whether an error means that no entry is at fault, so that halving the batch would not help. */
  readonly isNobodysFault: (error: unknown) => boolean
}

interface Waiting<Entry, Result> {
  readonly entry: Entry
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes one function of many callers into few statements: one batch is under way at a time, made of all that arrived
 * while the one before was. An entry that arrives alone waits for nobody. When a batch fails by the fault of an entry
 * it is halved until that entry stands alone, so that a bad row never fails its neighbours.
 */
export function createBatcher<Entry, Result>(
  settings: BatchSettings<Entry, Result>,
): (entry: Entry) => Promise<Result> {
  let queue: Waiting<Entry, Result>[] = []
  let underWay = false

  const take = (): Waiting<Entry, Result>[] => {
    let bytes = 0
    let count = 0
    const keys = new Set<string>()
    while (count < queue.length && count < settings.maxEntries) {
      const next = queue[count]
      if (next === undefined) break
      bytes += settings.sizeOf(next.entry)
      if (count > 0 && bytes > settings.maxBytes) break
      const key = settings.keyOf?.(next.entry)
      if (key !== undefined && keys.has(key)) break
      if (key !== undefined) keys.add(key)
      count += 1
    }
    const taken = queue.slice(0, count)
    queue = queue.slice(count)
    return taken
  }

  const handle = async (batch: readonly Waiting<Entry, Result>[]): Promise<void> => {
    try {
      const results = await settings.run(batch.map(({ entry }) => entry))
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index]
        if (result === undefined) reject(new Error('a batch came back with fewer results than entries'))
        else resolve(result)
      })
    } catch (error) {
      if (batch.length === 1 || settings.isNobodysFault(error)) {
        for (const { reject } of batch) reject(error)
        return
      }
      const middle = Math.ceil(batch.length / 2)
      await handle(batch.slice(0, middle))
      await handle(batch.slice(middle))
    }
  }

  const drain = async (): Promise<void> => {
    while (queue.length > 0) await handle(take())
    underWay = false
  }

  return (entry) =>
    new Promise((resolve, reject) => {
      queue.push({ entry, resolve, reject })
      if (underWay) return
      underWay = true
      // A turn later, so that requests which were read from their sockets together go together.
      setImmediate(() => void drain())
    })
}
