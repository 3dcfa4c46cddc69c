/** A histogram of latencies with buckets 1 % wide, so that the counts of several processes can be added. */
export interface Latencies {
  /** Counts a request of `ms` milliseconds. */
  add(ms: number): void
  /** Adds the counts of another histogram, as {@link Latencies.counts} gives them. */
  merge(counts: readonly Count[]): void
  readonly counts: readonly Count[]
  /** The number of requests. */
  readonly total: number
  /**
   * The smallest time in milliseconds within which the share (0 to 1) of the requests was answered, at most 1 %
   * too long; NaN when nothing was counted. Nearest-rank definition: the 0.99 of ten is the slowest.
   */
  quantile(share: number): number
}

/** A bucket's number and its count. */
export type Count = readonly [bucket: number, count: number]

const width = 1.01
const least = 0.001

/** Makes an empty histogram. */
export function createLatencies(): Latencies {
  const buckets = new Map<number, number>()
  let total = 0
  const put = (bucket: number, count: number) => {
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + count)
    total += count
  }
  return {
    add: (ms) => put(Math.ceil(Math.log(Math.max(ms, least) / least) / Math.log(width)), 1),
    merge: (counts) => {
      for (const [bucket, count] of counts) put(bucket, count)
    },
    get counts() {
      return [...buckets].sort(([a], [b]) => a - b)
    },
    get total() {
      return total
    },
    quantile(share) {
      const rank = Math.max(1, Math.ceil(share * total))
      let below = 0
      for (const [bucket, count] of this.counts) {
        below += count
        if (below >= rank) return least * width ** bucket
      }
      return Number.NaN
    },
  }
}

/** The median; the mean of the middle two for an even count, NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}
