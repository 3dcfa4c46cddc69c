import type { Score } from './score.ts'
import { longestAligned, tooLong } from './score.ts'
import { commonLength } from './similarity/common-length.ts'

/**
 * Scores a list whose order matters (steps, a ranking, a route): twice the length of the longest common subsequence of the
 * two lists, divided by both lengths. An element that is missing, extra or out of its place costs about its share, and
 * the rest need not stand at the same place to count. Symmetric.
 *
 * Both empty: 1. One empty: 0. `parts` are counts: `common`, in the same order, and `inPlace`, at the very same place. A
 * candidate of more than 30,000 elements scores 0; such a reference throws a RangeError.
 *
 * @example scoreOrderedList(['a', 'c', 'b'], ['a', 'b', 'c']).score // 2/3: one of them out of place
 */
export function scoreOrderedList(candidate: readonly string[], reference: readonly string[]): Score {
  const refused = tooLong(candidate, reference, longestAligned)
  if (refused !== undefined) return refused
  const common = commonLength(candidate, reference)
  const inPlace = candidate.filter((element, at) => at < reference.length && element === reference[at]).length
  const both = candidate.length + reference.length
  return {
    score: both === 0 ? 1 : (2 * common) / both,
    reason: `${common} in the right order, of ${candidate.length} given and ${reference.length} wanted`,
    parts: { common, inPlace },
  }
}
