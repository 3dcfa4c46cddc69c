import type { Score } from './score.ts'

/** How two sets are to be compared. */
export interface SetOptions {
  /** How many times more recall counts than precision: 1 for both alike, 2 when a missing element is worse than an extra. */
  beta?: number
  /** What is the same of an element, as `(code) => code.toUpperCase()`; without it the element itself. */
  same?: (element: string) => string
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
 * that is no positive number.
 *
 * @example scoreSet(['E11.9', 'I10'], ['E11.9', 'Z79.4', 'N18.3']).score // 0.4
 */
export const scoreSet = (
  candidate: readonly string[],
  reference: readonly string[],
  { beta = 1, same = (element) => element }: SetOptions = {},
): Score => {
  if (!(beta > 0 && Number.isFinite(beta * beta))) throw new RangeError(`beta must be a positive number, not ${beta}`)
  const given = new Set(candidate.map(same))
  const wanted = new Set(reference.map(same))
  const right = [...given].filter((element) => wanted.has(element)).length
  const missing = wanted.size - right
  const extra = given.size - right
  const weight = beta * beta
  const all = given.size + weight * wanted.size
  return {
    score: all === 0 ? 1 : Math.min(1, ((1 + weight) * right) / all),
    reason: wanted.size === 0 ? reasonOfNone(extra) : `${right} of ${wanted.size} right, ${extra} too many`,
    parts: {
      precision: given.size === 0 ? 1 : right / given.size,
      recall: wanted.size === 0 ? 1 : right / wanted.size,
      right,
      missing,
      extra,
    },
  }
}

const reasonOfNone = (extra: number): string =>
  extra === 0 ? 'none wanted, none given' : `none wanted, ${extra} given`
