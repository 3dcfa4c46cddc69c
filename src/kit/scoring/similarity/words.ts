/** White space as in Python's `str.split()`, which the reference implementations use. */
const white = new RegExp(`[\\p{White_Space}${String.fromCharCode(0x1c)}-${String.fromCharCode(0x1f)}]+`, 'u')

/** Splits a text at white space like Python's `str.split()`. */
export function splitWords(text: string): string[] {
  return text.split(white).filter((word) => word !== '')
}

/** The numbers of n-grams of one length in two lists of words. */
export interface GramCounts {
  /** In both, with multiplicity: an n-gram that occurs three times in one and twice in the other counts twice. */
  readonly shared: number
  readonly candidate: number
  readonly reference: number
}

/**
 * Counts the n-grams of two lists of words for every length from 1 to `longest`. Linear in the lengths of the lists.
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
    // An n-gram is identified by its (n-1)-gram and its last word, which avoids joining strings.
    const longer = new Map<number, number>()
    grams = grams.map((list, side) =>
      list.slice(0, -1).map((gram, at) => nameOf(longer, gram * names.size + (words[side]?.[at + length] ?? 0))),
    )
  }
  return counts
}

/** A sequential number for each distinct key. */
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

/** The code points of a text, which are the characters of the reference implementations. */
export function codesOf(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0)
}
