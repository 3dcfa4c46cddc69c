/** What Python's `str.split()` takes for white space: the reference implementations are written in Python. */
const white = new RegExp(`[\\p{White_Space}${String.fromCharCode(0x1c)}-${String.fromCharCode(0x1f)}]+`, 'u')

/** The words of a text as Python's `str.split()` finds them: punctuation stays with its word, no word is empty. */
export function splitWords(text: string): string[] {
  return text.split(white).filter((word) => word !== '')
}

/** How many n-grams of one length two lists of words have. */
export interface GramCounts {
  /** In both; an n-gram that one has three times and the other twice counts twice. */
  readonly shared: number
  readonly candidate: number
  readonly reference: number
}

/**
 * Counts the n-grams of two lists of words, for every length from 1 to `longest`: the first element is for single words.
 * Takes time by the lengths of the lists, not by their product.
 *
 * @example countGrams(['a', 'b'], ['a', 'c'], 2)[0] // { shared: 1, candidate: 2, reference: 2 }
 */
export function countGrams(
  candidate: readonly string[],
  reference: readonly string[],
  longest: number,
): readonly GramCounts[] {
  const names = new Map<string, number>()
  const words = [candidate, reference].map((list) => list.map((word) => nameOf(names, word)))
  let grams = words.map((list) => [...list])
  const counts: GramCounts[] = []
  for (let length = 1; length <= longest; length += 1) {
    const [ours = [], theirs = []] = grams
    counts.push({ shared: countShared(ours, theirs), candidate: ours.length, reference: theirs.length })
    // An n-gram is named by the one that is a word shorter and the word that follows it, so that no text is joined.
    const longer = new Map<number, number>()
    grams = grams.map((list, side) =>
      list.slice(0, -1).map((gram, at) => nameOf(longer, gram * names.size + (words[side]?.[at + length] ?? 0))),
    )
  }
  return counts
}

/** A small number for each different key, in the order of their first appearance. */
function nameOf<Key>(names: Map<Key, number>, key: Key): number {
  const known = names.get(key)
  if (known !== undefined) return known
  names.set(key, names.size)
  return names.size - 1
}

function countShared(ours: readonly number[], theirs: readonly number[]): number {
  const left = new Map<number, number>()
  for (const gram of theirs) left.set(gram, (left.get(gram) ?? 0) + 1)
  let shared = 0
  for (const gram of ours) {
    const count = left.get(gram) ?? 0
    if (count === 0) continue
    left.set(gram, count - 1)
    shared += 1
  }
  return shared
}

/** The code points of a text: what the reference implementations call its characters. */
export function codesOf(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0)
}
