/** A distribution of numbers: its memory does not grow with their count. */
export interface Distribution {
  add(value: number): void
  readonly count: number
  /** NaN for none. */
  readonly mean: number
  /** The standard deviation of the numbers themselves, not of a sample; NaN for none. */
  readonly deviation: number
  /** The value that a share of the numbers does not exceed, to within one percent; NaN for none. */
  quantile(share: number): number
}

/** The width of a bucket: each starts one percent above the one before. */
const growth = Math.log(1.01)

/** A distribution of numbers of 0 or more, such as times, in buckets that grow by one percent. */
export function distribution(): Distribution {
  const buckets = new Map<number, number>()
  let count = 0
  let sum = 0
  let squares = 0
  return {
    add(value) {
      const bucket = value <= 0 ? Number.NEGATIVE_INFINITY : Math.ceil(Math.log(value) / growth)
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
      count += 1
      sum += value
      squares += value * value
    },
    get count() {
      return count
    },
    get mean() {
      return sum / count
    },
    get deviation() {
      return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2))
    },
    quantile(share) {
      const wanted = Math.max(1, Math.ceil(share * count))
      let seen = 0
      for (const [bucket, held] of [...buckets].sort(([a], [b]) => a - b)) {
        seen += held
        if (seen >= wanted) return Math.exp(bucket * growth)
      }
      return Number.NaN
    },
  }
}
