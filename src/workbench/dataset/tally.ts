/** How often which text came, of as many texts as are kept. */
export interface Tally {
  add(text: string): void
  readonly count: number
  /** How many different texts; at least so many where {@link isFull}. */
  readonly distinct: number
  /** Whether texts came that were not counted for themselves, because enough others are. */
  readonly isFull: boolean
  /** The most frequent ones, the most frequent first. */
  most(count: number): readonly (readonly [text: string, count: number])[]
}

const mostKept = 5_000
const longestKept = 80

/** Counts equal texts, cut to 80 characters; the first 5,000 different ones for themselves. */
export function createTally(): Tally {
  const counts = new Map<string, number>()
  let count = 0
  let isFull = false
  return {
    add(text) {
      count += 1
      const known = text.length > longestKept ? `${text.slice(0, longestKept - 1)}…` : text
      const before = counts.get(known)
      if (before === undefined && counts.size === mostKept) isFull = true
      else counts.set(known, (before ?? 0) + 1)
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
