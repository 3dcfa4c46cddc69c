import type { Sql } from 'postgres'
import type { Log } from '../base/log.ts'
import { deleteOldMinutes } from '../ledger/rollups/alarms.ts'
import { createFolder } from '../ledger/rollups/folder.ts'

/** What {@link startFolding} needs. */
export interface FoldingSettings {
  /** A connection of its own, so that a long turn delays nobody. */
  readonly sql: Sql
  readonly log: Log
  /** How long to wait after a turn that left nothing, in seconds; default 5. */
  readonly everySeconds?: number
  /** Rollouts of a run that begin at most this many seconds after one another are one burst; default 60. */
  readonly burstGapSeconds?: number
  /** How old a rollout is when its calls are counted before it is graded, in seconds; default 60. */
  readonly openSeconds?: number
  /** Called after each turn of this replica that left nothing: the sums are up to date. */
  readonly onFolded?: () => Promise<void>
}

/** How long the sums by minute are kept, in days, and how often older ones are deleted, in milliseconds. */
const minuteDays = 60
const deletionEveryMs = 3_600_000

/** The same failure is logged once in this many turns. */
const quietTurns = 60

/**
 * Folds the ledger into the sums again and again, on one replica, so that the curves are some seconds behind.
 * Returns the function that ends it, which resolves after the running turn.
 */
export function startFolding(settings: FoldingSettings): () => Promise<void> {
  const { sql, log, everySeconds = 5, burstGapSeconds, openSeconds, onFolded } = settings
  const fold = createFolder(sql, {
    ...(burstGapSeconds !== undefined && { burstGapSeconds }),
    ...(openSeconds !== undefined && { openSeconds }),
  })
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let failures = 0
  let deletedAt = Number.NEGATIVE_INFINITY

  const turn = async (): Promise<number> => {
    try {
      const folded = await fold()
      failures = 0
      if (folded === 'more') return 0
      if (folded === 'done') await onFolded?.()
      if (Date.now() - deletedAt > deletionEveryMs) {
        await deleteOldMinutes(sql, minuteDays)
        deletedAt = Date.now()
      }
      return everySeconds
    } catch (cause) {
      if (failures % quietTurns === 0) {
        const message = 'the sums for curves and alarms could not be updated; it is tried again'
        log.warn({ code: 'fold_failed', cause }, message)
      }
      failures += 1
      return everySeconds
    }
  }
  const next = (seconds: number): void => {
    if (isStopped) return
    timer = setTimeout(() => {
      running = turn().then(next)
    }, seconds * 1000)
    timer.unref()
  }
  next(1)
  return async () => {
    isStopped = true
    clearTimeout(timer)
    await running
  }
}
