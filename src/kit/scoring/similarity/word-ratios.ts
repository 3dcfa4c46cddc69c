import { commonLength } from './common-length.ts'
import { codesOf, splitWords } from './words.ts'

/**
 * How alike the shorter text is to the part of the longer that is most like it, from 0 to 1: RapidFuzz's `partial_ratio`
 * divided by 100. Two empty texts: 1; one: 0.
 */
export function partRatio(one: string, other: string): number {
  const [shorter = [], longer = []] = [codesOf(one), codesOf(other)].sort((some, more) => some.length - more.length)
  if (longer.length === 0) return 1
  const found = bestWindow(shorter, longer)
  return found === 1 || shorter.length < longer.length ? found : Math.max(found, bestWindow(longer, shorter))
}

/**
 * How alike the words of two texts are, whatever their order, from 0 to 1: RapidFuzz's `token_ratio` divided by 100, the
 * better of `token_sort_ratio` (the words sorted) and `token_set_ratio` (each word once; what both have counts as equal).
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
  // The texts compared are the shared words, these followed by mine, and these followed by yours.
  const gap = shared === 0 ? 0 : 1
  const lengths = 2 * (shared + gap) + mine.length + yours.length
  const both = 1 - distance(mine, yours) / lengths
  if (shared === 0) return both
  const alone = [mine, yours].map((rest) => 1 - (gap + rest.length) / (2 * shared + gap + rest.length))
  return Math.max(both, ...alone)
}

/**
 * How alike the words of the shorter text are to a part of the longer's, whatever their order, from 0 to 1: RapidFuzz's
 * `partial_token_ratio` divided by 100. A single word in common: 1.
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

/** Python sorts by code point; JavaScript by UTF-16 unit puts 😀 before ﬁ. */
function byCodePoint(one: string, other: string): number {
  const [ours, theirs] = [codesOf(one), codesOf(other)]
  const at = ours.findIndex((code, place) => code !== theirs[place])
  return at < 0 ? ours.length - theirs.length : (ours[at] ?? 0) - (theirs[at] ?? -1)
}

/**
 * How alike the whole of one list is to the part of another that is most like it, from 0 to 1: of all parts of `longer`
 * as long as `shorter`, all shorter beginnings and all shorter endings, the greatest 2·common/(length + length), where
 * `common` is the length of the longest common subsequence. 0 when a list is empty. `shorter` is not to be longer.
 *
 * Source: Tiskin, "Semi-local string comparison", 2013. Threads combed once through the table of the two lists tell what
 * one has in common with *every* part of the other, so the time grows with the product of the lengths, not with that
 * times the number of parts. The caller caps the lengths.
 *
 * @example bestWindow([1, 2], [0, 1, 2, 3]) // 1
 */
export function bestWindow(shorter: readonly number[], longer: readonly number[]): number {
  const width = shorter.length
  if (width === 0) return 0
  const starts = combThreads(shorter, longer)
  const ends = new Map<number, number>()
  for (const [end, start] of starts.entries()) ends.set(start, end)
  // Each thread that starts and ends within the part is a column of it where the common subsequence does not grow.
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

/** For each column of `across`, the column where the thread that leaves the table there came in; negative: a row. */
function combThreads(down: readonly number[], across: readonly number[]): Int32Array {
  const columns = Int32Array.from(across)
  const threads = Int32Array.from(across, (_, at) => at)
  for (const [row, element] of down.entries()) {
    let coming = -1 - row
    for (let at = 0; at < columns.length; at += 1) {
      const falling = threads[at] ?? 0
      // Two threads cross once: where the elements are equal, or they have crossed before, each takes the other's way.
      // No branch, because no processor could foresee it: three times as fast for texts of few letters.
      const turn = -(Number(element === columns[at]) | Number(coming > falling)) & (coming ^ falling)
      threads[at] = falling ^ turn
      coming ^= turn
    }
  }
  return threads
}
