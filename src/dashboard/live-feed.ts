import type { Sql } from 'postgres'
import { type Arrival, readArrivals } from '../ledger/reports/arrivals.ts'

/** What arrives, for all who watch: one poll of the database serves them all, and none runs while nobody watches. */
export interface LiveFeed {
  /** Calls `onArrivals` with what arrived since the last call; returns the function that stops it. */
  watch(onArrivals: (arrivals: readonly Arrival[]) => void): () => void
}

/** How far back each poll looks for what committed late, in milliseconds. */
const overlapMs = 5_000

/** The most arrivals of a kind that one poll reads: a person cannot follow more. */
const mostArrivals = 50

/** Creates the feed, which polls every `everyMs`. */
export function createLiveFeed(sql: Sql, everyMs = 1_000): LiveFeed {
  const watchers = new Set<(arrivals: readonly Arrival[]) => void>()
  /** What was passed on within the overlap. */
  let seen = new Map<string, number>()
  let isPolling = false

  const poll = async (): Promise<void> => {
    const now = Date.now()
    // While the database is unavailable there is nothing to show; what arrived meanwhile follows.
    const found = await readArrivals(sql, now - overlapMs - everyMs, mostArrivals).catch(() => [])
    const fresh = found.filter(({ key }) => !seen.has(key))
    seen = new Map([...seen].filter(([, at]) => at > now - 3 * overlapMs))
    for (const { key } of found) seen.set(key, now)
    if (fresh.length > 0) for (const watcher of watchers) watcher(fresh)
    if (watchers.size === 0) isPolling = false
    else setTimeout(() => void poll(), everyMs).unref()
  }

  return {
    watch(onArrivals) {
      watchers.add(onArrivals)
      if (!isPolling) void poll()
      isPolling = true
      return () => void watchers.delete(onArrivals)
    },
  }
}
