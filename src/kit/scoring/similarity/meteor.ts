import type { Score } from '../score.ts'
import { longestCounted, tooLong } from '../score.ts'
import { stem } from './porter.ts'
import { splitWords } from './words.ts'

/** How much more recall counts than precision: the harmonic mean's weight of recall. */
const recallWeight = 0.9
/** What a candidate loses, at most, for saying the reference's words in another order. */
const orderWeight = 0.5

/**
 * METEOR of one text against one reference, as NLTK's `meteor_score` has it with its default weights but without
 * WordNet: words are paired that are equal but for case, then those with the same stem; synonyms are not known. The score
 * is the mean of precision and recall (recall counts nine times), less up to half for the number of chunks that the pairs
 * fall into. Words are what lies between white space, so punctuation counts.
 *
 * Source: Banerjee and Lavie, "METEOR: an automatic metric for MT evaluation", ACL 2005. Words are paired as NLTK does,
 * from the end, each with the last one that is free, which is not always the pairing with the fewest chunks.
 *
 * An equal text of n words scores 1 − 0.5/n³: never quite 1, and a single right word no more than 0.5. Not symmetric. An
 * empty candidate or reference, or both: 0. `parts` are `precision` and `recall` from 0 to 1 and `chunks`, a count. A
 * candidate of more than 200,000 characters scores 0; such a reference throws a RangeError.
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

/** For each of our words the place of its partner among theirs, or undefined. */
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

/** Runs of neighbours in both texts. */
function countChunks(partners: readonly (number | undefined)[]): number {
  return partners.filter((partner, at) => partner !== undefined && partners[at - 1] !== partner - 1).length
}
