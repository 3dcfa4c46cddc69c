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
