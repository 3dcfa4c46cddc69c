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

/**
 * Keeps up to `limit` such calls in memory and tries again every `seconds`. A call that succeeded by a retry meanwhile
 * keeps its record.
 */
export function createUnrecorded(ledger: Pick<Ledger, 'record'>, log: Log, seconds = 1, limit = 100_000): Unrecorded {
  const waiting = new Map<string, CallRecord>()
  const rollouts = new Map<string, number>()
  let isTrying = false

  const count = (rolloutId: string, by: number) => {
    const left = (rollouts.get(rolloutId) ?? 0) + by
    if (left > 0) rollouts.set(rolloutId, left)
    else rollouts.delete(rolloutId)
  }
  const flush = async () => {
    for (const [key, failed] of waiting) {
      try {
        await ledger.record(failed)
      } catch {
        break
      }
      waiting.delete(key)
      count(failed.rolloutId, -1)
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
        const facts = { rollout: failed.rolloutId, call: failed.callId, tool: failed.tool }
        log.error({ code: 'failure_not_recorded', ...facts, cause }, 'a failed call is not recorded yet')
        const key = JSON.stringify([failed.rolloutId, failed.callId])
        if (!waiting.has(key) && waiting.size < limit) {
          waiting.set(key, failed)
          count(failed.rolloutId, 1)
          tryLater()
        }
        return undefined
      }
    },
  }
}
