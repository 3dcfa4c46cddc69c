import { commonLength } from './common-length.ts'
import { codesOf, splitWords } from './words.ts'

/**
 * The similarity of the shorter text to the most similar part of the longer one, from 0 to 1: RapidFuzz's `partial_ratio`
 * divided by 100. 1 for two empty texts, 0 for one.
 */
export function partRatio(one: string, other: string): number {
  const [shorter = [], longer = []] = [codesOf(one), codesOf(other)].sort((some, more) => some.length - more.length)
  if (longer.length === 0) return 1
  const found = bestWindow(shorter, longer)
  return found === 1 || shorter.length < longer.length ? found : Math.max(found, bestWindow(longer, shorter))
}

/**
 * The similarity of the words of two texts in any order, from 0 to 1: RapidFuzz's `token_ratio` divided by 100, the maximum
 * of `token_sort_ratio` (sorted words) and `token_set_ratio` (sets of words).
 */
export function wordsRatio(one: string, other: string): number {
  const [ours, theirs] = [splitWords(one), splitWords(other)]
  const [mine, yours] = [joined(ours), joined(theirs)]
  const inOrder = mine.length + yours.length === 0 ? 1 : 1 - distance(mine, yours) / (mine.length + yours.length)
  return Math.max(inOrder, setRatio(new Set(ours), new Set(theirs)))
}

function setRatio(ours: ReadonlySet<string>, theirs: ReadonlySet<string>): number {
  if (ours.size === 0 || theirs.size === 0) return 0
  const [mine, yours] = [joined(without(ours, theirs)), joined(without(theirs, ours))]
  const shared = joined([...ours].filter((word) => theirs.has(word))).length
  if (shared > 0 && (mine.length === 0 || yours.length === 0)) return 1
  // Compares three texts: the shared words, these followed by mine, and these followed by yours.
  const gap = shared === 0 ? 0 : 1
  const lengths = 2 * (shared + gap) + mine.length + yours.length
  const both = 1 - distance(mine, yours) / lengths
  if (shared === 0) return both
  const alone = [mine, yours].map((rest) => 1 - (gap + rest.length) / (2 * shared + gap + rest.length))
  return Math.max(both, ...alone)
}

/**
 * The similarity of the words of the shorter text to a part of the longer one, in any order, from 0 to 1: RapidFuzz's
 * `partial_token_ratio` divided by 100. 1 for a single common word.
 */
export function wordsPartRatio(one: string, other: string): number {
  const [ours, theirs] = [splitWords(one), splitWords(other)]
  const [mine, yours] = [new Set(ours), new Set(theirs)]
  if (ours.some((word) => yours.has(word))) return 1
  const all = partRatio(sorted(ours), sorted(theirs))
  return ours.length === mine.size && theirs.length === yours.size
    ? all
    : Math.max(all, partRatio(sorted([...mine]), sorted([...yours])))
}

function without(words: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...words].filter((word) => !others.has(word))
}

function distance(one: readonly number[], other: readonly number[]): number {
  return one.length + other.length - 2 * commonLength(one, other)
}

function joined(words: readonly string[]): readonly number[] {
  return codesOf(sorted(words))
}

function sorted(words: readonly string[]): string {
  return [...words].sort(byCodePoint).join(' ')
}

/** As Python sorts. JavaScript sorts by UTF-16 unit, which puts 😀 before ﬁ. */
function byCodePoint(one: string, other: string): number {
  const [ours, theirs] = [codesOf(one), codesOf(other)]
  const at = ours.findIndex((code, place) => code !== theirs[place])
  return at < 0 ? ours.length - theirs.length : (ours[at] ?? 0) - (theirs[at] ?? -1)
}

/**
 * The similarity of a list to the most similar part of another, from 0 to 1: the maximum of 2·common/(length + length) over
 * all parts of `longer` with the length of `shorter` and all shorter prefixes and suffixes, where `common` is the length of
 * the longest common subsequence. 0 if a list is empty. `shorter` must not be longer than `longer`.
 *
 * Source: Tiskin, "Semi-local string comparison", 2013. One pass of seaweed combing gives the common length for *every*
 * part, so the time is quadratic and not cubic. The caller must limit the lengths.
 *
 * @example bestWindow([1, 2], [0, 1, 2, 3]) // 1
 */
export function bestWindow(shorter: readonly number[], longer: readonly number[]): number {
  const width = shorter.length
  if (width === 0) return 0
  const starts = combThreads(shorter, longer)
  const ends = new Map<number, number>()
  for (const [end, start] of starts.entries()) ends.set(start, end)
  // Each thread that starts and ends within a part is a column in which the common subsequence does not grow.
  let threads = 0
  let best = 0
  for (let place = 1; place < longer.length + width; place += 1) {
    const start = Math.max(0, place - width)
    const end = Math.min(place, longer.length)
    if (start > 0 && (ends.get(start - 1) ?? end) < Math.min(place - 1, longer.length)) threads -= 1
    if (place <= longer.length && (starts[place - 1] ?? -1) >= start) threads += 1
    const length = end - start
    best = Math.max(best, (2 * (length - threads)) / (width + length))
  }
  return best
}

/** For each column of `across`, the column where the thread that ends there starts; negative for a row. */
function combThreads(down: readonly number[], across: readonly number[]): Int32Array {
  const columns = Int32Array.from(across)
  const threads = Int32Array.from(across, (_, at) => at)
  for (const [row, element] of down.entries()) {
    let coming = -1 - row
    for (let at = 0; at < columns.length; at += 1) {
      const falling = threads[at] ?? 0
      // Two threads cross at most once: they bounce if the elements are equal or they have crossed before. Branchless,
      // because the branch is unpredictable: three times as fast for texts with few distinct letters.
      const turn = -(Number(element === columns[at]) | Number(coming > falling)) & (coming ^ falling)
      threads[at] = falling ^ turn
      coming ^= turn
    }
  }
  return threads
}
