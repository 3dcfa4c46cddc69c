import { DatabaseTimeout } from '../postgres/database.ts'

/** What {@link createBatcher} needs. */
export interface BatchSettings<Entry, Result> {
  /** Handles entries together, atomically, and returns one result per entry, in order. */
  readonly run: (entries: readonly Entry[]) => Promise<readonly Result[]>
  /** The most entries of a batch. */
  readonly maxEntries: number
  /** The most bytes of a batch, by `sizeOf`; a single larger entry is sent alone. */
  readonly maxBytes: number
  readonly sizeOf: (entry: Entry) => number
  /** Two entries with the same key are never in one batch: the later one sees the effect of the earlier one. */
  readonly keyOf?: (entry: Entry) => string
  /** Whether an error concerns all entries, such as a lost connection, so that halving the batch would not help. */
  readonly concernsAll: (error: unknown) => boolean
  /** How long `run` may take, in seconds; default 20. */
  readonly seconds?: number
  /** Called when no entry waits any more. */
  readonly onIdle?: () => void
}

/** Thrown for a batch that was not answered in time. Whether it takes effect is unknown. */
export class BatchTimeout extends DatabaseTimeout {
  override readonly name = 'BatchTimeout'
}

interface Waiting<Entry, Result> {
  readonly entry: Entry
  /** A time of `performance.now()`. */
  readonly since: number
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/**
 * Creates a function that batches concurrent calls. One batch runs at a time, with the entries that arrived while the
 * previous one ran; an entry that arrives alone does not wait. A batch that fails because of one entry is split in halves
 * until that entry is isolated, so that a bad row does not fail the others.
 *
 * A batch that is not answered in time fails with a {@link BatchTimeout}. Entries that have waited behind it, or behind a
 * batch that took half of that time to find the database unavailable, fail with it, unsent, if they waited for half of
 * the time too: no backlog builds up in front of a frozen database. The next batch does not wait for the late one.
 */
export function createBatcher<Entry, Result>(
  settings: BatchSettings<Entry, Result>,
): (entry: Entry) => Promise<Result> {
  let queue: Waiting<Entry, Result>[] = []
  let isRunning = false
  const { seconds = 20 } = settings
  const longMs = (seconds * 1000) / 2

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
        if (result === undefined) reject(new Error('a batch returned fewer results than entries'))
        else resolve(result)
      })
    } catch (error) {
      const isLate = error instanceof BatchTimeout
      const concernsAll = isLate || settings.concernsAll(error)
      if (batch.length === 1 || concernsAll) {
        for (const { reject } of batch) reject(error)
        if (concernsAll && performance.now() - began > longMs) rejectLongWaiting(error)
        return
      }
      const middle = Math.ceil(batch.length / 2)
      await handle(batch.slice(0, middle))
      await handle(batch.slice(middle))
    }
  }

  const rejectLongWaiting = (error: unknown): void => {
    const until = performance.now() - longMs
    // In order of arrival.
    const fresh = queue.findIndex(({ since }) => since > until)
    for (const { reject } of queue.splice(0, fresh === -1 ? queue.length : fresh)) reject(error)
  }

  const drain = async (): Promise<void> => {
    while (queue.length > 0) await handle(take())
    isRunning = false
    settings.onIdle?.()
  }

  return (entry) =>
    new Promise((resolve, reject) => {
      queue.push({ entry, since: performance.now(), resolve, reject })
      if (isRunning) return
      isRunning = true
      // In the next turn of the event loop, so that requests that were read from sockets in one turn share a batch.
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

/**
 * Creates a function like {@link createBatcher} whose batches hold entries of one run each, so that a statement visits the
 * rows of one run alone. The batches of different runs do not wait for each other.
 */
export function createRunBatcher<Entry, Result>({
  runOf,
  ...settings
}: BatchSettings<Entry, Result> & { readonly runOf: (entry: Entry) => string }): (entry: Entry) => Promise<Result> {
  const batchers = new Map<string, (entry: Entry) => Promise<Result>>()
  return (entry) => {
    const run = runOf(entry)
    const found = batchers.get(run)
    if (found !== undefined) return found(entry)
    const made = createBatcher({ ...settings, onIdle: () => void batchers.delete(run) })
    batchers.set(run, made)
    return made(entry)
  }
}
