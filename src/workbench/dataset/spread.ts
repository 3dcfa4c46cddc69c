/** Whole numbers of which only the distribution is kept: the memory it takes does not grow with their count. */
export interface Spread {
  /** Takes a number, 0 or more. */
  add(value: number): void
  readonly count: number
  readonly sum: number
  /** 0 for none. */
  readonly least: number
  /** 0 for none. */
  readonly most: number
  /** The value that a share of the numbers does not exceed, to one in a hundred; 0 for none. */
  quantile(share: number): number
  /** The counts in at most `bars` ranges of equal width, each from `from` up to but without `to`; none for none. */
  histogram(bars: number): readonly { readonly from: number; readonly to: number; readonly count: number }[]
}

/** Buckets begin each a hundredth above the one before; below 100 every whole number has its own. */
const growth = Math.log(1.01)
const bucketOf = (value: number) => (value < 100 ? Math.floor(value) : 100 + Math.floor(Math.log(value / 100) / growth))
const beginOf = (bucket: number) => (bucket < 100 ? bucket : 100 * Math.exp((bucket - 100) * growth))

/** A distribution of numbers, 0 or more, in buckets that grow by a hundredth. */
export function createSpread(): Spread {
  const buckets: number[] = []
  let count = 0
  let sum = 0
  let least = 0
  let most = 0
  return {
    add(value) {
      const bucket = bucketOf(value)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
      least = count === 0 ? value : Math.min(least, value)
      most = count === 0 ? value : Math.max(most, value)
      count += 1
      sum += value
    },
    get count() {
      return count
    },
    get sum() {
      return sum
    },
    get least() {
      return least
    },
    get most() {
      return most
    },
    quantile(share) {
      const wanted = Math.max(1, Math.ceil(share * count))
      let seen = 0
      for (const [bucket, held = 0] of buckets.entries()) {
        seen += held
        if (seen >= wanted) return Math.min(most, Math.max(least, Math.round(beginOf(bucket))))
      }
      return 0
    },
    histogram(bars) {
      if (count === 0) return []
      const width = Math.max(1, Math.ceil((most - least + 1) / bars))
      const ranges = Array.from({ length: Math.ceil((most - least + 1) / width) }, (_, at) => ({
        from: least + at * width,
        to: least + (at + 1) * width,
        count: 0,
      }))
      for (const [bucket, held = 0] of buckets.entries()) {
        const value = Math.min(most, Math.max(least, beginOf(bucket)))
        const range = ranges[Math.min(ranges.length - 1, Math.floor((value - least) / width))]
        if (range !== undefined) range.count += held
      }
      return ranges
    },
  }
}
