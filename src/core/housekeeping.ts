import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Deleted } from '../ledger/retention.ts'
import type { Ender } from './end.ts'
import type { Sandboxes } from './sandboxes/sandboxes.ts'

/** What {@link startHousekeeping} needs. */
export interface HousekeepingSettings {
  readonly ledger: Pick<Ledger, 'expire' | 'deleteRollouts' | 'analyzeGrown'>
  readonly ender: Pick<Ender, 'endDue'>
  readonly sandboxes?: Pick<Sandboxes, 'reap'> | undefined
  readonly log: Log
  readonly leaseSeconds: number
  /** Rollouts older than this many days are deleted; undefined keeps them. */
  readonly retentionDays: number | undefined
  /** How long to wait between two turns of ending rollouts, in seconds; default: 5. */
  readonly endEverySeconds?: number
  /** How long to wait between two turns of the reaper of sandboxes, in seconds; default: 20. */
  readonly reapEverySeconds?: number
  /** Called with the number of calls whose owner died. */
  readonly onExpired?: (calls: number) => void
  /** Called after each turn of the retention, also of one that deleted nothing. */
  readonly onDeleted?: (deleted: Deleted) => void
}

/** How long a turn of ending rollouts takes at most, in seconds; if some are left, the next turn follows at once. */
const turnSeconds = 5

/** How long to wait between two looks at the tables' growth, in seconds: as long as they are small, and then. */
const growthSeconds = { small: 1, large: 600 }

/** How long the retention waits between two turns, in seconds. */
export const retentionEverySeconds = 3_600

/**
 * Records the calls of dead owners as failed, two leases after they died, ends rollouts that are due, deletes old
 * rollouts once an hour, and keeps the statistics of tables that grow fast up to date. Any number of replicas may do so at the same time. Returns the function that ends it.
 */
export function startHousekeeping(settings: HousekeepingSettings): () => void {
  const { ledger, ender, log, leaseSeconds, retentionDays, endEverySeconds = 5 } = settings
  const expire = async () => {
    const expired = await ledger.expire(leaseSeconds)
    if (expired > 0) settings.onExpired?.(expired)
    if (expired > 0)
      log.warn({ code: 'lease_expired', calls: expired }, 'calls whose owner died are recorded as failed')
    return leaseSeconds
  }
  const end = async () => {
    const { ended, failed, isBacklog } = await ender.endDue(turnSeconds)
    if (isBacklog) log.warn({ code: 'end_backlog', ended, failed }, 'more rollouts are due than a turn can end')
    return isBacklog ? 0 : endEverySeconds
  }
  const remove = async (days: number) => {
    const deleted = await ledger.deleteRollouts(days)
    settings.onDeleted?.(deleted)
    if (deleted.rollouts > 0) log.info({ code: 'retention', days, ...deleted }, 'old rollouts were deleted')
    return retentionEverySeconds
  }
  const analyze = async () => {
    const { areLarge } = await ledger.analyzeGrown()
    return areLarge ? growthSeconds.large : growthSeconds.small
  }
  const { sandboxes, reapEverySeconds = 20 } = settings
  const stops = [
    ...(sandboxes === undefined
      ? []
      : [repeat(log, 0, reapEverySeconds, () => sandboxes.reap().then(() => reapEverySeconds))]),
    repeat(log, growthSeconds.small, growthSeconds.large, analyze),
    repeat(log, leaseSeconds, leaseSeconds, expire),
    repeat(log, endEverySeconds, endEverySeconds, end),
    ...(retentionDays === undefined ? [] : [repeat(log, 0, retentionEverySeconds, () => remove(retentionDays))]),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/**
 * Does work again and again, one turn at a time: `first` seconds from now, and then as long after each turn as the turn says;
 * after one that fails, `otherwise` seconds. Returns the function that stops it.
 */
function repeat(log: Log, first: number, otherwise: number, work: () => Promise<number>): () => void {
  let timer: NodeJS.Timeout
  let isStopped = false
  const later = (seconds: number) => {
    if (isStopped) return
    timer = setTimeout(turn, seconds * 1000)
    timer.unref()
  }
  const turn = () => {
    work().then(later, (cause: unknown) => {
      log.warn({ code: 'housekeeping_failed', cause }, 'housekeeping failed; it is tried again later')
      later(otherwise)
    })
  }
  later(first)
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}
