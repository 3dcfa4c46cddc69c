import { setMaxListeners } from 'node:events'

/** How somebody who presses Ctrl-C is heard. */
export interface Interruption {
  /** Aborted at the first signal: nothing more is begun. */
  readonly ending: AbortSignal
  /** Aborted two seconds later, or at a later signal: what runs is given up. */
  readonly stopping: AbortSignal
  /** Stops listening. */
  over(): void
}

const graceMs = 2_000
/** A terminal's Ctrl-C arrives twice, once by way of npm. */
const sameMs = 500

/** Listens to the signals that end a process. */
export function interruption(process: NodeJS.EventEmitter): Interruption {
  const ending = new AbortController()
  const stopping = new AbortController()
  // Every grader that runs listens to it.
  setMaxListeners(0, stopping.signal)
  let since: number | undefined
  let timer: NodeJS.Timeout | undefined
  const stop = () => stopping.abort(new Error('interrupted'))
  const hear = () => {
    if (since === undefined) {
      since = performance.now()
      ending.abort()
      timer = setTimeout(stop, graceMs)
    } else if (performance.now() - since > sameMs) stop()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, hear)
  return {
    ending: ending.signal,
    stopping: stopping.signal,
    over() {
      clearTimeout(timer)
      for (const signal of signals) process.off(signal, hear)
    },
  }
}
