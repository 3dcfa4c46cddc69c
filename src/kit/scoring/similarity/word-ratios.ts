import { bestWindow } from './best-window.ts'
import { commonLength } from './common-length.ts'
import { codesOf } from './similarity.ts'
import { splitWords } from './words.ts'

/**
 * How alike the shorter text is to the part of the longer that is most like it, from 0 to 1: RapidFuzz's `partial_ratio`
 * divided by 100. Two empty texts: 1; one: 0.
 */
export const partRatio = (one: string, other: string): number => {
  const [shorter = [], longer = []] = [codesOf(one), codesOf(other)].sort((some, more) => some.length - more.length)
  if (longer.length === 0) return 1
  const found = bestWindow(shorter, longer)
  return found === 1 || shorter.length < longer.length ? found : Math.max(found, bestWindow(longer, shorter))
}

/**
 * How alike the words of two texts are, whatever their order, from 0 to 1: RapidFuzz's `token_ratio` divided by 100, the
 * better of `token_sort_ratio` (the words sorted) and `token_set_ratio` (each word once; what both have counts as equal).
 */
export const wordsRatio = (one: string, other: string): number => {
  const [ours, theirs] = [splitWords(one), splitWords(other)]
  const [mine, yours] = [joined(ours), joined(theirs)]
  const inOrder = mine.length + yours.length === 0 ? 1 : 1 - distance(mine, yours) / (mine.length + yours.length)
  return Math.max(inOrder, setRatio(new Set(ours), new Set(theirs)))
}

const setRatio = (ours: ReadonlySet<string>, theirs: ReadonlySet<string>): number => {
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
export const wordsPartRatio = (one: string, other: string): number => {
  const [ours, theirs] = [splitWords(one), splitWords(other)]
  const [mine, yours] = [new Set(ours), new Set(theirs)]
  if (ours.some((word) => yours.has(word))) return 1
  const all = partRatio(sorted(ours), sorted(theirs))
  return ours.length === mine.size && theirs.length === yours.size
    ? all
    : Math.max(all, partRatio(sorted([...mine]), sorted([...yours])))
}

const without = (words: ReadonlySet<string>, others: ReadonlySet<string>): string[] =>
  [...words].filter((word) => !others.has(word))

const distance = (one: readonly number[], other: readonly number[]): number =>
  one.length + other.length - 2 * commonLength(one, other)

const joined = (words: readonly string[]): readonly number[] => codesOf(sorted(words))

const sorted = (words: readonly string[]): string => [...words].sort(byCodePoint).join(' ')

/** Python sorts by code point; JavaScript by UTF-16 unit puts 😀 before ﬁ. */
const byCodePoint = (one: string, other: string): number => {
  const [ours, theirs] = [codesOf(one), codesOf(other)]
  const at = ours.findIndex((code, place) => code !== theirs[place])
  return at < 0 ? ours.length - theirs.length : (ours[at] ?? 0) - (theirs[at] ?? -1)
}
