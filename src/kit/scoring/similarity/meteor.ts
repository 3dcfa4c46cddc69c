import type { Score } from '../score.ts'
import { longestCounted, tooLong } from '../score.ts'
import { stem } from './porter.ts'
import { splitWords } from './words.ts'

/** The weight of recall in the harmonic mean. */
const recallWeight = 0.9
/** The maximum penalty for another order of words. */
const orderWeight = 0.5

/**
 * METEOR of a text against one reference, like NLTK's `meteor_score` with default weights but without WordNet: words are
 * matched if they are equal ignoring case, then if they have the same stem; synonyms are not supported. The score is the
 * harmonic mean of precision and recall (recall has nine times the weight), reduced by up to half for fragmented matches.
 * Words are separated by white space; punctuation counts.
 *
 * Source: Banerjee and Lavie, "METEOR: an automatic metric for MT evaluation", ACL 2005. Words are matched as in NLTK, from
 * the end, each with the last free one, which does not always give the fewest chunks.
 *
 * An equal text of n words scores 1 − 0.5/n³, so a single right word scores 0.5. Not symmetric. An empty candidate or
 * reference scores 0. `parts` are `precision` and `recall` from 0 to 1 and `chunks`, a count. A candidate of more than
 * 200,000 characters scores 0; such a reference throws a RangeError.
 *
 * @example scoreMeteor('fuzzy wuzzy was a bear', 'fuzzy wuzzy had no hair').score // 0.375
 */
export function scoreMeteor(candidate: string, reference: string): Score {
  const refused = tooLong(candidate, reference, longestCounted)
  if (refused !== undefined) return refused
  const ours = splitWords(candidate.toLowerCase())
  const theirs = splitWords(reference.toLowerCase())
  const partners = pair(ours, theirs)
  const matched = partners.filter((partner) => partner !== undefined).length
  const precision = matched / Math.max(1, ours.length)
  const recall = matched / Math.max(1, theirs.length)
  const chunks = countChunks(partners)
  const reason = `${matched} of ${ours.length} words are among the reference's ${theirs.length}, in ${chunks} chunks`
  const parts = { precision, recall, chunks }
  if (matched === 0) return { score: 0, reason: 'no word in common', parts }
  const mean = (precision * recall) / (recallWeight * precision + (1 - recallWeight) * recall)
  return { score: mean * (1 - orderWeight * (chunks / matched) ** 3), reason, parts }
}

/** For each word of ours, the index of the matched word of theirs. */
function pair(ours: readonly string[], theirs: readonly string[]): readonly (number | undefined)[] {
  const partners: (number | undefined)[] = ours.map(() => undefined)
  const taken = new Set<number>()
  for (const form of [(word: string) => word, stem]) {
    const free = new Map<string, number[]>()
    for (const [at, word] of theirs.entries()) {
      if (taken.has(at)) continue
      const key = form(word)
      const places = free.get(key)
      if (places === undefined) free.set(key, [at])
      else places.push(at)
    }
    for (let at = ours.length - 1; at >= 0; at -= 1) {
      if (partners[at] !== undefined) continue
      const partner = free.get(form(ours[at] ?? ''))?.pop()
      if (partner === undefined) continue
      partners[at] = partner
      taken.add(partner)
    }
  }
  return partners
}

/** Counts the runs of matches that are adjacent in both texts. */
function countChunks(partners: readonly (number | undefined)[]): number {
  return partners.filter((partner, at) => partner !== undefined && partners[at - 1] !== partner - 1).length
}
