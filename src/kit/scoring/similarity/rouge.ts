import type { Score } from '../score.ts'
import { longestAligned, longestCounted, tooLong } from '../score.ts'
import { commonLength } from './common-length.ts'
import { countGrams } from './words.ts'

/** Runs of 1 to 5 words, or the longest common subsequence. */
export type RougeKind = 1 | 2 | 3 | 4 | 5 | 'L'

/**
 * ROUGE of one text against one reference, the F1 that Google's `rouge-score` reports without stemming: how many runs of
 * n words (with multiplicity), or how long a common subsequence of words for `'L'`, the two have in common; twice that,
 * divided by the number in both. A word is a run of the letters a–z and digits, in any case. Symmetric.
 *
 * Source: Lin, "ROUGE: a package for automatic evaluation of summaries", 2004. ROUGE-L takes a text as one sentence.
 *
 * Accents part words, and a text in another script has none: it scores 0 even against itself, as does a text of fewer
 * than n words. An empty candidate or reference, or both: 0. `parts` are `precision` and `recall`. A candidate of more
 * than 200,000 characters (30,000 for `'L'`) scores 0; such a reference throws a RangeError.
 *
 * @example scoreRouge('fuzzy wuzzy was a bear', 'fuzzy wuzzy had no hair', 2).score // 0.25
 */
export function scoreRouge(candidate: string, reference: string, kind: RougeKind): Score {
  const refused = tooLong(candidate, reference, kind === 'L' ? longestAligned : longestCounted)
  if (refused !== undefined) return refused
  const ours = wordsOf(candidate)
  const theirs = wordsOf(reference)
  const counts =
    kind === 'L'
      ? { shared: commonLength(ours, theirs), candidate: ours.length, reference: theirs.length }
      : countGrams(ours, theirs, kind).at(-1)
  const { shared = 0, candidate: made = 0, reference: wanted = 0 } = counts ?? {}
  const what = kind === 'L' ? 'words in the same order' : kind === 1 ? 'words' : `runs of ${kind} words`
  return {
    score: (2 * shared) / Math.max(1, made + wanted),
    reason: `${shared} ${what} in common; ${made} in the answer, ${wanted} in the reference`,
    parts: { precision: shared / Math.max(1, made), recall: shared / Math.max(1, wanted) },
  }
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[a-z0-9]+/gu) ?? []
}
