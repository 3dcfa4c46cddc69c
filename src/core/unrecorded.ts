import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../base/log.ts'
import type { CallRecord, Recorded } from '../ledger/calls/call.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** Failed calls that the database was not there to hear of. */
export interface Unrecorded {
  /**
   * Records a failed call, and gives what stands there then. When the database does not take it this waits for a while,
   * for other replicas cannot know of the failure yet; then it is recorded as soon as possible, and the answer is nothing.
   */
  record(failed: CallRecord): Promise<Recorded | undefined>
  /** Whether such a call of this rollout waits to be recorded: until it is, the rollout must not be graded. */
  has(rolloutId: string): boolean
  /** Resolves once none waits any more, or after `seconds`. */
  handIn(seconds: number): Promise<void>
}

/** How failed calls are kept. */
export interface UnrecordedSettings {
  /** How often they are tried again, in seconds. */
  readonly everySeconds: number
  /** How long a failure is held back from its trainer while it is not recorded, in seconds. */
  readonly holdSeconds: number
  /** How many bytes their arguments and items may have together as JSON; further failures are forgotten, and logged. */
  readonly maxBytes: number
}

const usual: UnrecordedSettings = { everySeconds: 0.5, holdSeconds: 5, maxBytes: 64 * 1024 * 1024 }

/** At most this many are tried together. */
const together = 500

/**
 * Keeps such calls in memory and tries again, those that waited longest first; one that cannot be recorded does not hold up
 * the others. A call that succeeded by a retry meanwhile keeps its record.
 */
export function createUnrecorded(
  ledger: Pick<Ledger, 'record'>,
  log: Log,
  settings: Partial<UnrecordedSettings> = {},
): Unrecorded {
  const { everySeconds, holdSeconds, maxBytes } = { ...usual, ...settings }
  const waiting = new Map<string, CallRecord>()
  const rollouts = new Map<string, number>()
  const held = new Map<string, (recorded: Recorded) => void>()
  let bytes = 0
  let isTrying = false

  const count = (failed: CallRecord, by: 1 | -1) => {
    bytes += by * sizeOf(failed)
    const left = (rollouts.get(failed.rolloutId) ?? 0) + by
    if (left > 0) rollouts.set(failed.rolloutId, left)
    else rollouts.delete(failed.rolloutId)
  }
  const attempt = async (key: string, failed: CallRecord): Promise<boolean> => {
    waiting.delete(key)
    try {
      const recorded = await ledger.record(failed)
      count(failed, -1)
      held.get(key)?.(recorded)
      return true
    } catch {
      // At the end of those that wait, unless the same call has failed once more and waits there already.
      if (waiting.has(key)) count(failed, -1)
      else waiting.set(key, failed)
      return false
    }
  }
  const flush = async () => {
    for (let progress = true; progress && waiting.size > 0; ) {
      const first = [...waiting].slice(0, together)
      const recorded = await Promise.all(first.map(([key, failed]) => attempt(key, failed)))
      progress = recorded.includes(true)
    }
    isTrying = false
    tryLater()
  }
  const tryLater = () => {
    if (isTrying || waiting.size === 0) return
    isTrying = true
    setTimeout(() => void flush(), everySeconds * 1000).unref()
  }

  const recordedLater = (key: string): Promise<Recorded | undefined> =>
    new Promise((resolve) => {
      const over = (recorded?: Recorded) => {
        clearTimeout(timer)
        held.delete(key)
        resolve(recorded)
      }
      const timer = setTimeout(over, holdSeconds * 1000)
      held.set(key, over)
    })

  return {
    has: (rolloutId) => rollouts.has(rolloutId),
    async handIn(seconds) {
      const end = performance.now() + seconds * 1000
      while (rollouts.size > 0 && performance.now() < end) await sleep(50)
    },
    async record(failed) {
      try {
        return await ledger.record(failed)
      } catch (cause) {
        const key = JSON.stringify([failed.rolloutId, failed.callId])
        const fits = waiting.has(key) || bytes + sizeOf(failed) <= maxBytes
        const facts = { rollout: failed.rolloutId, call: failed.callId, tool: failed.tool }
        const code = fits ? 'failure_not_recorded' : 'failure_forgotten'
        log.error({ code, ...facts, cause }, `a failed call is not recorded${fits ? ' yet' : ': too many wait for it'}`)
        if (!fits) return undefined
        if (!waiting.has(key)) {
          waiting.set(key, failed)
          count(failed, 1)
          tryLater()
        }
        return recordedLater(key)
      }
    },
  }
}

const sizeOf = ({ arguments: args, item }: CallRecord) => JSON.stringify([args, item]).length
