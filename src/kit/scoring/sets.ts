import type { Score } from './score.ts'
import { longestAligned, tooLong } from './score.ts'
import { commonLength } from './similarity/common-length.ts'

/** How two sets are compared. */
export interface SetOptions {
  /**
   * How many times more recall counts than precision: 1 for both alike, 2 where a missing element is worse than an extra
   * one, 0.5 where an extra one is worse.
   */
  readonly beta?: number
  /** How many elements may be given for each one wanted, at least 1. A longer list is a list of guesses and scores 0. */
  readonly most?: number
  /** What makes two elements the same, as `(code) => code.toUpperCase()`; without it the element itself. */
  readonly same?: (element: string) => string
}

/**
 * Scores a list of elements against the right one, in any order, repetitions aside: F1, or F-beta, of precision (how many
 * of the given are right) and recall (how many of the right are given). For codes, files to edit, labels, ids;
 * {@link readList} makes a list of a text. Symmetric for a beta of 1; linear in both lengths.
 *
 * Source: van Rijsbergen, "Information retrieval", 1979, chapter 7: (1 + β²)·right / (given + β²·wanted).
 *
 * Both empty: 1, since nothing was wanted and nothing given. One empty: 0. `parts` are `precision` and `recall` from 0 to 1
 * (1 where there is nothing to divide by), and the counts `right`, `missing` and `extra`. Throws a RangeError for a beta
 * that is not a positive number and for a `most` below 1.
 *
 * F1 alone pays for guessing: a list three times too long with every right element in it scores 0.5. Where the elements can
 * be guessed, set `most`.
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
  const reason = `${right} of ${wanted.size} right, ${extra} too many`
  return {
    score: guesses ? 0 : all === 0 ? 1 : Math.min(1, ((1 + weight) * right) / all),
    reason: wanted.size === 0 ? reasonOfNone(extra) : guesses ? `a list of guesses: ${reason}` : reason,
    parts: {
      precision: given.size === 0 ? 1 : right / given.size,
      recall: wanted.size === 0 ? 1 : right / wanted.size,
      right,
      missing,
      extra,
    },
  }
}

function reasonOfNone(extra: number): string {
  return extra === 0 ? 'none wanted, none given' : `none wanted, ${extra} given`
}

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
