/** A limit in time around something that may not keep it. */
export interface Deadline {
  /** How long it may take, in seconds. */
  readonly seconds: number
  /** Made when the time is up; what the work is rejected and its signal aborted with. */
  readonly late: () => Error
  /** The first of these that aborts aborts the work from outside: its reason becomes the rejection. */
  readonly parents?: readonly AbortSignal[]
}

/**
 * Runs `work` until it ends, its time is up or a parent aborts, whichever is first. Work that ignores its signal goes on
 * for nobody: its result is dropped.
 */
export function withDeadline<Result>(
  { seconds, late, parents = [] }: Deadline,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController()
    const over = () => {
      clearTimeout(timer)
      for (const parent of parents) parent.removeEventListener('abort', stop)
    }
    const giveUp = (reason: unknown) => {
      over()
      reject(reason)
      controller.abort(reason)
    }
    const stop = () => giveUp(parents.find(({ aborted }) => aborted)?.reason)
    const timer = setTimeout(() => giveUp(late()), seconds * 1000)
    if (parents.some(({ aborted }) => aborted)) return stop()
    // Not AbortSignal.any, which leaves something behind in a parent for each signal that it ever made.
    for (const parent of parents) parent.addEventListener('abort', stop, { once: true })
    const end = <Value>(settle: (value: Value) => void) => {
      return (value: Value) => {
        over()
        settle(value)
      }
    }
    work(controller.signal).then(end(resolve), end(reject))
  })
}

/** `Retry-After` in milliseconds from `now`: seconds, or a date. Undefined for what is neither. */
export function retryAfterMs(header: string | null | undefined, now = Date.now()): number | undefined {
  if (header === null || header === undefined) return undefined
  const written = header.trim()
  const wait = /^\d{1,12}(?:\.\d+)?$/u.test(written) ? Number(written) * 1000 : Date.parse(written) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}
