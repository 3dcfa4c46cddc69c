/** A time limit for asynchronous work. */
export interface Deadline {
  /** How long the work may take, in seconds. */
  readonly seconds: number
  /** Makes the error for a timeout: the rejection, and the abort reason of the work's signal. */
  readonly late: () => Error
  /** When one of these aborts, the work is aborted too, and rejected with its reason. */
  readonly parents?: readonly AbortSignal[]
}

/**
 * Runs `work` until it settles, times out or a parent aborts, whichever is first. Work that ignores its signal keeps
 * running, and its result is discarded.
 */
export function withDeadline<Result>(
  { seconds, late, parents = [] }: Deadline,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController()
    const cleanUp = () => {
      clearTimeout(timer)
      for (const parent of parents) parent.removeEventListener('abort', stop)
    }
    const abort = (reason: unknown) => {
      cleanUp()
      reject(reason)
      controller.abort(reason)
    }
    const stop = () => abort(parents.find(({ aborted }) => aborted)?.reason)
    const timer = setTimeout(() => abort(late()), seconds * 1000)
    if (parents.some(({ aborted }) => aborted)) return stop()
    // AbortSignal.any would leak memory in a long-lived parent, for each signal that was derived from it.
    for (const parent of parents) parent.addEventListener('abort', stop, { once: true })
    const finish = <Value>(settle: (value: Value) => void) => {
      return (value: Value) => {
        cleanUp()
        settle(value)
      }
    }
    work(controller.signal).then(finish(resolve), finish(reject))
  })
}

/** Parses a `Retry-After` header, in seconds or as a date, into milliseconds from `now`. Undefined if it is neither. */
export function retryAfterMs(header: string | null | undefined, now = Date.now()): number | undefined {
  if (header === null || header === undefined) return undefined
  const written = header.trim()
  const wait = /^\d{1,12}(?:\.\d+)?$/u.test(written) ? Number(written) * 1000 : Date.parse(written) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}
