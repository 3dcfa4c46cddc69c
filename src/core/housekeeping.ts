import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** What {@link startHousekeeping} needs. */
export interface HousekeepingSettings {
  readonly ledger: Pick<Ledger, 'expire' | 'deleteRollouts'>
  readonly log: Log
  readonly leaseSeconds: number
  /** Rollouts older than this many days are deleted; undefined keeps them. */
  readonly retentionDays: number | undefined
}

/**
 * Records the calls of dead owners as failed, two leases after they died, and deletes old rollouts once an hour. Any
 * number of replicas may do so at the same time. Returns the function that ends it.
 */
export function startHousekeeping({ ledger, log, leaseSeconds, retentionDays }: HousekeepingSettings): () => void {
  const expire = async () => {
    const expired = await ledger.expire(leaseSeconds)
    if (expired > 0)
      log.warn({ code: 'lease_expired', calls: expired }, 'calls whose owner died are recorded as failed')
  }
  const remove = async (days: number) => {
    const deleted = await ledger.deleteRollouts(days)
    if (deleted.rollouts > 0) log.info({ code: 'retention', days, ...deleted }, 'old rollouts were deleted')
  }
  const quietly = (work: () => Promise<void>) => () => {
    work().catch((cause: unknown) =>
      log.warn({ code: 'housekeeping_failed', cause }, 'housekeeping failed; it is tried again later'),
    )
  }
  const timers = [setInterval(quietly(expire), leaseSeconds * 1000)]
  if (retentionDays !== undefined) {
    const days = retentionDays
    timers.push(
      setInterval(
        quietly(() => remove(days)),
        3_600_000,
      ),
    )
    quietly(() => remove(days))()
  }
  for (const timer of timers) timer.unref()
  return () => timers.forEach(clearInterval)
}
