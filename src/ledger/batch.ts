import { DatabaseTimeout } from '../postgres/database.ts'

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
  /** How long `run` may take, in seconds: 20 when left out. */
  readonly seconds?: number
}

/** A batch that was not answered in time. Whether it took effect is unknown: it may yet. */
export class BatchTimeout extends DatabaseTimeout {
  override readonly name = 'BatchTimeout'
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
 *
 * A batch that is not answered in time fails with a {@link BatchTimeout}, and what has waited behind it for as long fails
 * with it, unsent, so that nothing piles up before a database that is frozen. The next batch does not wait for it.
 */
export function createBatcher<Entry, Result>(
  settings: BatchSettings<Entry, Result>,
): (entry: Entry) => Promise<Result> {
  let queue: Waiting<Entry, Result>[] = []
  let underWay = false
  const { seconds = 20 } = settings

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
    const began = performance.now()
    try {
      const results = await inTime(seconds, settings.run(batch.map(({ entry }) => entry)))
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index]
        if (result === undefined) reject(new Error('a batch came back with fewer results than entries'))
        else resolve(result)
      })
    } catch (error) {
      const isLate = error instanceof BatchTimeout
      if (batch.length === 1 || isLate || settings.isNobodysFault(error)) {
        const tookLong = performance.now() - began > (seconds * 1000) / 2
        const behind = isLate || (tookLong && settings.isNobodysFault(error)) ? queue.splice(0) : []
        for (const { reject } of [...batch, ...behind]) reject(error)
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

function inTime<Result>(seconds: number, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new BatchTimeout(`the database did not answer within ${seconds} s`))
    const timer = setTimeout(late, seconds * 1000)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
