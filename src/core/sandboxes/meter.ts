import type { SandboxCause } from './failure.ts'

/** What happened to sandboxes in this process, for metrics. */
export interface SandboxMeter {
  readonly created: number
  readonly adopted: number
  readonly orphans: number
  readonly closed: number
  readonly failures: ReadonlyMap<string, number>
  /** Sums and counts of times in seconds: in the queue, of creations, and of closings. */
  readonly times: Readonly<Record<TimedStep, { readonly seconds: number; readonly count: number }>>
  count(what: 'created' | 'adopted' | 'orphans' | 'closed'): void
  fail(cause: SandboxCause): void
  time(step: TimedStep, seconds: number): void
}

export type TimedStep = 'wait' | 'create' | 'close'

/** Creates a meter with everything at 0. */
export function createSandboxMeter(): SandboxMeter {
  const counts = { created: 0, adopted: 0, orphans: 0, closed: 0 }
  const failures = new Map<string, number>()
  const times = {
    wait: { seconds: 0, count: 0 },
    create: { seconds: 0, count: 0 },
    close: { seconds: 0, count: 0 },
  }
  return {
    get created() {
      return counts.created
    },
    get adopted() {
      return counts.adopted
    },
    get orphans() {
      return counts.orphans
    },
    get closed() {
      return counts.closed
    },
    failures,
    times,
    count(what) {
      counts[what] += 1
    },
    fail(cause) {
      failures.set(cause, (failures.get(cause) ?? 0) + 1)
    },
    time(step, seconds) {
      times[step].seconds += seconds
      times[step].count += 1
    },
  }
}
