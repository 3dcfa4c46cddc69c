import type { Log } from '../base/log.ts'
import type { LeasedAttempt } from '../ledger/ending.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** Keeps the leases on the attempts that this process releases. */
export interface EndLeases {
  /**
   * Renews the lease on an attempt from now on; calls `lost` once if another process has taken it over. Returns the function
   * that ends the renewal and resolves with the attempt and its latest lease.
   */
  hold(attempt: LeasedAttempt, lost: () => void): () => Promise<LeasedAttempt>
}

interface Held {
  attempt: LeasedAttempt
  readonly lost: () => void
}

/** Renews all leases that are held, in one statement, three times per lease; without any it does nothing. */
export function createEndLeases(ledger: Pick<Ledger, 'renewEnds'>, log: Log, leaseSeconds: number): EndLeases {
  const held = new Set<Held>()
  let timer: NodeJS.Timeout | undefined
  let renewal: Promise<void> | undefined

  const renew = async (all: readonly Held[]): Promise<void> => {
    try {
      const renewed = await ledger.renewEnds(
        all.map(({ attempt }) => attempt),
        leaseSeconds,
      )
      for (const one of all) {
        const lease = renewed.get(one.attempt.number)
        if (lease !== undefined) one.attempt = { ...one.attempt, lease }
        else if (held.has(one)) one.lost()
      }
    } catch (cause) {
      // The leases still hold until they run out; the next renewal may come in time.
      log.warn({ code: 'lease_not_renewed', ends: all.length, cause }, 'leases could not be renewed')
    }
  }
  const renewAll = () => {
    // A second renewal at the same time would not know the leases that the first one makes.
    renewal ??= renew([...held]).finally(() => {
      renewal = undefined
    })
  }

  return {
    hold(attempt, lost) {
      const one: Held = { attempt, lost }
      held.add(one)
      timer ??= setInterval(renewAll, (leaseSeconds * 1000) / 3).unref()
      return async () => {
        held.delete(one)
        if (held.size === 0) {
          clearInterval(timer)
          timer = undefined
        }
        await renewal
        return one.attempt
      }
    },
  }
}
