/** A limit in time around something that may not keep it. */
export interface Deadline {
  /** How long it may take, in seconds. */
  readonly seconds: number
  /** Made when the time is up; what the work is rejected and its signal aborted with. */
  readonly late: () => Error
  /** Aborts the work from outside: its reason becomes the rejection. */
  readonly parent?: AbortSignal | undefined
}

/**
 * Runs `work` until it ends, its time is up or `parent` aborts, whichever is first. Work that ignores its signal goes on
 * for nobody: its result is dropped.
 */
export async function withDeadline<Result>(
  { seconds, late, parent }: Deadline,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController()
  const stop = () => controller.abort(parent?.reason)
  const timer = setTimeout(() => controller.abort(late()), seconds * 1000)
  if (parent?.aborted) stop()
  parent?.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([rejectionOf(controller.signal), work(controller.signal)])
  } finally {
    clearTimeout(timer)
    parent?.removeEventListener('abort', stop)
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
