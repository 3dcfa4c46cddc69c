/** The distribution of whole numbers: the memory it takes does not grow with their count. */
export interface Spread {
  /** Adds a number, 0 or more. */
  add(value: number): void
  /** Adds all numbers of another spread. */
  addAll(other: Spread): void
  readonly count: number
  readonly sum: number
  /** 0 if there are no numbers. */
  readonly least: number
  /** 0 if there are no numbers. */
  readonly most: number
  /** How many numbers each bucket holds. */
  readonly buckets: readonly number[]
  /** The value that a share of the numbers does not exceed, accurate to 1 %; 0 if there are no numbers. */
  quantile(share: number): number
  /** The counts in at most `bars` ranges of equal width, each from `from` up to but not including `to`. */
  histogram(bars: number): readonly { readonly from: number; readonly to: number; readonly count: number }[]
}

/** Each bucket begins 1 % above the previous one; below 100 every whole number has its own. */
const growth = Math.log(1.01)
const bucketOf = (value: number) => (value < 100 ? Math.floor(value) : 100 + Math.floor(Math.log(value / 100) / growth))
const beginOf = (bucket: number) => (bucket < 100 ? bucket : 100 * Math.exp((bucket - 100) * growth))

/** Makes an empty distribution of numbers, 0 or more. */
export function createSpread(): Spread {
  const buckets: number[] = []
  let count = 0
  let sum = 0
  let least = 0
  let most = 0
  const include = (low: number, high: number, numbers: number, total: number) => {
    least = count === 0 ? low : Math.min(least, low)
    most = count === 0 ? high : Math.max(most, high)
    count += numbers
    sum += total
  }
  return {
    add(value) {
      const bucket = bucketOf(value)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
      include(value, value, 1, value)
    },
    addAll(other) {
      if (other.count === 0) return
      for (const [bucket, held = 0] of other.buckets.entries()) buckets[bucket] = (buckets[bucket] ?? 0) + held
      include(other.least, other.most, other.count, other.sum)
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
    buckets,
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

/** Counts equal texts; the memory it takes is bounded. */
export interface Tally {
  add(text: string, times?: number): void
  /** Adds all texts of another tally. */
  addAll(other: Tally): void
  readonly count: number
  /** How many different texts there are; a lower bound if {@link isFull}. */
  readonly distinct: number
  /** Whether texts arrived that were not counted separately because the limit was reached. */
  readonly isFull: boolean
  /** The most frequent texts, in descending order. */
  most(count: number): readonly (readonly [text: string, count: number])[]
}

const maxTexts = 5_000
const maxTextLength = 80

/** Makes an empty tally, which cuts texts to 80 characters and counts the first 5,000 different ones separately. */
export function createTally(): Tally {
  const counts = new Map<string, number>()
  let count = 0
  let isFull = false
  const add = (text: string, times = 1) => {
    count += times
    const known = text.length > maxTextLength ? `${text.slice(0, maxTextLength - 1)}…` : text
    const before = counts.get(known)
    if (before === undefined && counts.size === maxTexts) isFull = true
    else counts.set(known, (before ?? 0) + times)
  }
  return {
    add,
    addAll(other) {
      const texts = other.most(maxTexts)
      for (const [text, times] of texts) add(text, times)
      count += other.count - texts.reduce((sum, [, times]) => sum + times, 0)
      isFull ||= other.isFull
    },
    get count() {
      return count
    },
    get distinct() {
      return counts.size
    },
    get isFull() {
      return isFull
    },
    most: (wanted) => [...counts].sort(([, a], [, b]) => b - a).slice(0, wanted),
  }
}
