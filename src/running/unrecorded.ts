import type { CallRecord, Recorded } from '../ledger/call.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Log } from '../log.ts'

/** Failed calls that the database was not there to hear of. */
export interface Unrecorded {
  /** Records a failed call now, or as soon as the database takes it; gives what stands there when it is now. */
  record(failed: CallRecord): Promise<Recorded | undefined>
  /** Whether such a call of this rollout waits to be recorded: until it is, the rollout must not be graded. */
  has(rolloutId: string): boolean
}

/** At most this many are tried together. */
const together = 500

/**
 * Keeps such calls in memory, with arguments and items of up to `maxBytes` as JSON, and tries again every `seconds`, those
 * that waited longest first; one that cannot be recorded does not hold up the others. A call that succeeded by a retry
 * meanwhile keeps its record.
 */
export function createUnrecorded(
  ledger: Pick<Ledger, 'record'>,
  log: Log,
  seconds = 1,
  maxBytes = 64 * 1024 * 1024,
): Unrecorded {
  const waiting = new Map<string, CallRecord>()
  const rollouts = new Map<string, number>()
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
      await ledger.record(failed)
      count(failed, -1)
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
    setTimeout(() => void flush(), seconds * 1000).unref()
  }

  return {
    has: (rolloutId) => rollouts.has(rolloutId),
    async record(failed) {
      try {
        return await ledger.record(failed)
      } catch (cause) {
        const key = JSON.stringify([failed.rolloutId, failed.callId])
        const fits = waiting.has(key) || bytes + sizeOf(failed) <= maxBytes
        const facts = { rollout: failed.rolloutId, call: failed.callId, tool: failed.tool }
        const code = fits ? 'failure_not_recorded' : 'failure_forgotten'
        log.error({ code, ...facts, cause }, `a failed call is not recorded${fits ? ' yet' : ': too many wait for it'}`)
        if (fits && !waiting.has(key)) {
          waiting.set(key, failed)
          count(failed, 1)
          tryLater()
        }
        return undefined
      }
    },
  }
}

const sizeOf = ({ arguments: args, item }: CallRecord) => JSON.stringify([args, item]).length
