/** A time limit for asynchronous work. */
export interface Deadline {
  /** How long the work may take, in seconds. */
  readonly seconds: number
  /** Makes the error for a timeout: the rejection, and the abort reason of the work's signal. */
  readonly late: () => Error
  /** When one of these aborts, the work is aborted too, and rejected with its reason. */
  readonly parents?: readonly AbortSignal[]
  /** The same, for a signal that very many pieces of work share. */
  readonly shared?: SharedSignal | undefined
}

/** A signal to which listening takes the same time however many listen. */
export interface SharedSignal {
  readonly signal: AbortSignal
  /** Calls the listener once when the signal aborts. Returns the function that ends this. */
  listen(listener: () => void): () => void
}

/** Shares a signal: one listener for all, because adding one to a signal takes time in proportion to those it has. */
export function shareSignal(signal: AbortSignal): SharedSignal {
  const listeners = new Set<() => void>()
  signal.addEventListener(
    'abort',
    () => {
      for (const listener of listeners) listener()
    },
    { once: true },
  )
  return {
    signal,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/**
 * Runs `work` until it settles, times out or a parent aborts, whichever is first. Work that ignores its signal keeps
 * running, and its result is discarded.
 */
export function withDeadline<Result>(deadline: Deadline, work: (signal: AbortSignal) => Promise<Result>) {
  return withLazyDeadline(deadline, (signal) => work(signal()))
}

/** Like {@link withDeadline}, for work that rarely needs its signal, which is made when it is first asked for. */
export function withLazyDeadline<Result>(
  { seconds, late, parents = [], shared }: Deadline,
  work: (signal: () => AbortSignal) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let controller: AbortController | undefined
    let aborted: { readonly reason: unknown } | undefined
    const cleanUp = () => {
      clearTimeout(timer)
      for (const parent of parents) parent.removeEventListener('abort', stop)
      leave?.()
    }
    const abort = (reason: unknown) => {
      cleanUp()
      aborted = { reason }
      reject(reason)
      controller?.abort(reason)
    }
    const stop = () => abort([...parents, ...(shared ? [shared.signal] : [])].find(({ aborted }) => aborted)?.reason)
    const timer = setTimeout(() => abort(late()), seconds * 1000)
    const leave = shared?.listen(stop)
    if (shared?.signal.aborted || parents.some(({ aborted }) => aborted)) return stop()
    // AbortSignal.any would leak memory in a long-lived parent, for each signal that was derived from it.
    for (const parent of parents) parent.addEventListener('abort', stop, { once: true })
    const signal = () => {
      controller ??= new AbortController()
      if (aborted !== undefined) controller.abort(aborted.reason)
      return controller.signal
    }
    work(signal).then(
      (value) => {
        cleanUp()
        resolve(value)
      },
      (error: unknown) => {
        cleanUp()
        reject(error)
      },
    )
  })
}

/** Parses a `Retry-After` header, in seconds or as a date, into milliseconds from `now`. Undefined if it is neither. */
export function retryAfterMs(header: string | null | undefined, now = Date.now()): number | undefined {
  if (header === null || header === undefined) return undefined
  const written = header.trim()
  const wait = /^\d{1,12}(?:\.\d+)?$/u.test(written) ? Number(written) * 1000 : Date.parse(written) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}
