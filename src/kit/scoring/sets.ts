import type { Score } from './score.ts'
import { longestAligned, tooLong } from './score.ts'
import { commonLength } from './similarity/common-length.ts'

/** Options of {@link scoreSet}. */
export interface SetOptions {
  /**
   * The weight of recall relative to precision: 1 for equal weights (the default), 2 if a missing element is worse than an
   * extra one, 0.5 if an extra one is worse.
   */
  readonly beta?: number
  /** The maximum number of elements per element of the reference, at least 1. A longer list scores 0, as guessing. */
  readonly most?: number
  /** Maps an element to the key by which it is compared, such as `(code) => code.toUpperCase()`. */
  readonly same?: (element: string) => string
}

/**
 * Scores a list against the reference as sets, with F1 or F-beta of precision (the share of given elements that are right)
 * and recall (the share of right elements that are given). For codes, files to edit, labels, ids; {@link readList} parses a
 * list from text. Symmetric for a beta of 1; linear in both lengths.
 *
 * Source: van Rijsbergen, "Information retrieval", 1979, chapter 7: (1 + β²)·right / (given + β²·wanted).
 *
 * Two empty lists score 1, one empty list 0. `parts` are `precision` and `recall` from 0 to 1 (1 if the divisor is 0), and
 * the counts `right`, `missing` and `extra`. Throws a RangeError for a beta that is not a positive number and for a `most`
 * below 1.
 *
 * F1 rewards guessing: a list three times too long that contains every right element scores 0.5. Set `most` if the elements
 * can be guessed.
 *
 * @example scoreSet(['E11.9', 'I10'], ['E11.9', 'Z79.4', 'N18.3']).score // 0.4
 */
export function scoreSet(
  candidate: readonly string[],
  reference: readonly string[],
  { beta = 1, most = Number.POSITIVE_INFINITY, same = (element) => element }: SetOptions = {},
): Score {
  if (!(most >= 1)) throw new RangeError(`most must be 1 or more, not ${most}`)
  if (!(beta > 0 && Number.isFinite(beta * beta))) throw new RangeError(`beta must be a positive number, not ${beta}`)
  const given = new Set(candidate.map(same))
  const wanted = new Set(reference.map(same))
  const right = [...given].filter((element) => wanted.has(element)).length
  const missing = wanted.size - right
  const extra = given.size - right
  const weight = beta * beta
  const all = given.size + weight * wanted.size
  const guesses = given.size > most * Math.max(1, wanted.size)
  const reason = `${right} of ${wanted.size} right, ${extra} extra`
  return {
    score: guesses ? 0 : all === 0 ? 1 : Math.min(1, ((1 + weight) * right) / all),
    reason: wanted.size === 0 ? reasonOfEmpty(extra) : guesses ? `too many elements: ${reason}` : reason,
    parts: {
      precision: given.size === 0 ? 1 : right / given.size,
      recall: wanted.size === 0 ? 1 : right / wanted.size,
      right,
      missing,
      extra,
    },
  }
}

function reasonOfEmpty(extra: number): string {
  return extra === 0 ? 'none expected, none given' : `none expected, ${extra} given`
}

/**
 * Scores a list whose order matters (steps, a ranking, a route): twice the length of the longest common subsequence of the
 * two lists, divided by the sum of their lengths. Each missing, extra or misplaced element costs about its share. Symmetric.
 *
 * Two empty lists score 1, one empty list 0. `parts` are counts: `common`, in the same order, and `inPlace`, at the same
 * index. A candidate of more than 30,000 elements scores 0; such a reference throws a RangeError.
 *
 * @example scoreOrderedList(['a', 'c', 'b'], ['a', 'b', 'c']).score // 2/3: one is misplaced
 */
export function scoreOrderedList(candidate: readonly string[], reference: readonly string[]): Score {
  const refused = tooLong(candidate, reference, longestAligned)
  if (refused !== undefined) return refused
  const common = commonLength(candidate, reference)
  const inPlace = candidate.filter((element, at) => at < reference.length && element === reference[at]).length
  const both = candidate.length + reference.length
  return {
    score: both === 0 ? 1 : (2 * common) / both,
    reason: `${common} in the right order, of ${candidate.length} given and ${reference.length} expected`,
    parts: { common, inPlace },
  }
}
