import type { Score } from '../score.ts'
import { longestAligned, longestCounted, tooLong } from '../score.ts'
import { commonLength } from './common-length.ts'
import { countGrams, splitWords } from './words.ts'

const longestGram = 4

/**
 * BLEU of a text against one reference, like NLTK's `sentence_bleu` without smoothing: the geometric mean of the precisions
 * of 1- to 4-grams, times exp(1 − r/c) if the candidate's c words are fewer than the reference's r. Words are separated by
 * white space; case and punctuation count.
 *
 * Source: Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002. If no n-gram of one
 * length matches, the score is 0, where NLTK returns about 1e-155.
 *
 * A text without four matching words in a row scores 0, even a shorter one that equals the reference: use
 * {@link scoreGleu} for short answers. An empty candidate or reference scores 0. `parts` are `precision1` … `precision4` and
 * `brevity`, from 0 to 1. A candidate of more than 200,000 characters scores 0; such a reference throws a RangeError.
 *
 * @example scoreBleu('the quick brown fox jumps', 'the quick brown fox jumped').score // 0.6687
 */
export function scoreBleu(candidate: string, reference: string): Score {
  const refused = tooLong(candidate, reference, longestCounted)
  if (refused !== undefined) return refused
  const ours = splitWords(candidate)
  const theirs = splitWords(reference)
  const precisions = countGrams(ours, theirs, longestGram).map((count) => count.shared / Math.max(1, count.candidate))
  const brevity = ours.length === 0 ? 0 : Math.min(1, Math.exp(1 - theirs.length / ours.length))
  const missing = precisions.indexOf(0)
  const mean = precisions.reduce((product, precision) => product * precision, 1) ** (1 / longestGram)
  const shares = Object.fromEntries(precisions.map((precision, at) => [`precision${at + 1}`, precision]))
  return {
    score: brevity * mean,
    reason: missing >= 0 ? `no ${missing + 1} words in a row agree` : reasonOf(ours.length, theirs.length),
    parts: { ...shares, brevity },
  }
}

function reasonOf(ours: number, theirs: number): string {
  return `4 words in a row agree${ours < theirs ? `; ${ours} words where the reference has ${theirs}` : ''}`
}

/**
 * GLEU of a text against one reference, like NLTK's `sentence_gleu`: the lesser of precision and recall over all 1- to
 * 4-grams. Unlike BLEU it is designed for single sentences, and an equal text scores 1 however short. Words are separated
 * by white space; case and punctuation count. Symmetric.
 *
 * Source: Wu et al., "Google's neural machine translation system", 2016, section 8.2.
 *
 * An empty candidate or reference scores 0. `parts` are `precision` and `recall`. A candidate of more than 200,000
 * characters scores 0; such a reference throws a RangeError.
 *
 * @example scoreGleu('fuzzy wuzzy was a bear', 'fuzzy wuzzy had no hair').score // 3 of 14: 0.2143
 */
export function scoreGleu(candidate: string, reference: string): Score {
  const refused = tooLong(candidate, reference, longestCounted)
  if (refused !== undefined) return refused
  const total = { shared: 0, candidate: 0, reference: 0 }
  for (const count of countGrams(splitWords(candidate), splitWords(reference), longestGram)) {
    total.shared += count.shared
    total.candidate += count.candidate
    total.reference += count.reference
  }
  const most = Math.max(total.candidate, total.reference, 1)
  return {
    score: total.shared / most,
    reason: `${total.shared} of ${most} runs of 1 to 4 words agree`,
    parts: {
      precision: total.shared / Math.max(1, total.candidate),
      recall: total.shared / Math.max(1, total.reference),
    },
  }
}

/** The length of the n-grams, or `L` for the longest common subsequence. */
export type RougeKind = 1 | 2 | 3 | 4 | 5 | 'L'

/**
 * ROUGE of a text against one reference: the F1 of Google's `rouge-score` without stemming, over n-grams (with
 * multiplicity), or over the longest common subsequence of words for `'L'`. A word is a run of the letters a–z and digits,
 * in any case. Symmetric.
 *
 * Source: Lin, "ROUGE: a package for automatic evaluation of summaries", 2004. ROUGE-L treats a text as one sentence.
 *
 * Letters with accents separate words, and a text in another script has no words: it scores 0 even against itself, as does
 * a text of fewer than n words. An empty candidate or reference scores 0. `parts` are `precision` and `recall`. A candidate
 * of more than 200,000 characters (30,000 for `'L'`) scores 0; such a reference throws a RangeError.
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
