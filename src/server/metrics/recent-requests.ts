import { quantileOf } from '../../ledger/rollups/stats.ts'

/** Requests since the start of the process, by class of status such as `2xx`: how many are in each bucket of durations. */
export type RequestTotals = ReadonlyMap<string, readonly number[]>

/** What {@link createRecentRequests} needs. */
export interface RecentRequestsSettings {
  /** Reads the totals. */
  readonly totals: () => RequestTotals
  /** The upper ends of the buckets, in seconds. */
  readonly edges: readonly number[]
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** The requests of the latest minutes. */
export interface RecentRequests {
  /** How long a period these are, in seconds; at most about {@link periodSeconds}. */
  readonly seconds: number
  readonly requests: number
  /** By class of status, those without requests left out. */
  readonly statuses: Readonly<Record<string, number>>
  /** Durations in seconds below which half of the requests, and 95 of 100, lie; undefined without requests. */
  readonly p50: number | undefined
  readonly p95: number | undefined
}

/** The period of {@link RecentRequests}, and how often the totals are kept to compare with, in seconds. */
export const periodSeconds = 300
const everySeconds = 30

interface Kept {
  readonly at: number
  readonly totals: RequestTotals
}

/**
 * Keeps the totals from time to time, so that the requests of the latest minutes are a difference: counting a request costs
 * nothing more. `end` stops it.
 */
export function createRecentRequests({ totals, edges, now = Date.now }: RecentRequestsSettings) {
  let kept: readonly Kept[] = [{ at: now(), totals: new Map() }]
  const keep = () => {
    const at = now()
    // One that is older than the period stays, so that the period is covered.
    const first = kept.findLastIndex((one) => one.at <= at - periodSeconds * 1_000)
    kept = [...kept.slice(Math.max(0, first)), { at, totals: totals() }]
  }
  const timer = setInterval(keep, everySeconds * 1_000)
  timer.unref()
  return {
    read(): RecentRequests {
      const at = now()
      const since = kept.findLast((one) => one.at <= at - periodSeconds * 1_000) ?? kept[0]
      const counts = [...totals()].map(
        ([status, buckets]) => [status, minus(buckets, since?.totals.get(status) ?? [])] as const,
      )
      const all = counts.reduce<readonly number[]>((sum, [, buckets]) => plus(sum, buckets), [])
      return {
        seconds: (at - (since?.at ?? at)) / 1_000,
        requests: sumOf(all),
        statuses: Object.fromEntries(
          counts.flatMap(([status, buckets]) => (sumOf(buckets) === 0 ? [] : [[status, sumOf(buckets)]])),
        ),
        p50: quantileOf(edges, all, 0.5),
        p95: quantileOf(edges, all, 0.95),
      }
    },
    keep,
    end: () => clearInterval(timer),
  }
}

const sumOf = (counts: readonly number[]) => counts.reduce((sum, one) => sum + one, 0)
const minus = (counts: readonly number[], earlier: readonly number[]) =>
  counts.map((count, at) => count - (earlier[at] ?? 0))
const plus = (counts: readonly number[], more: readonly number[]) => more.map((count, at) => count + (counts[at] ?? 0))
