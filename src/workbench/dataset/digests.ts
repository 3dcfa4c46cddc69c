import { hash } from 'node:crypto'

/** Remembers texts by what they hash to, each with a number. */
export interface Digests {
  /** The number that came with the first text equal to this one; remembers this one's where there was none. */
  firstOf(text: string, number: number): number | undefined
  /** The number that came with an equal text; undefined for none. */
  find(text: string): number | undefined
  readonly size: number
}

/** Numbers of a slot: the two halves of the digest, and the number plus one, for zero means free. */
const slotWords = 3

/**
 * Remembers millions of texts in an open hash table of 64-bit digests (SHA-256, cut): 12 bytes a slot, at least a third of
 * the slots in use, so at most 36 bytes a text, and half as much again for the moment in which it grows. Among ten million
 * texts, two that differ are taken for equal once in 370,000 times.
 *
 * @param slots how many it begins with, a power of two
 */
export function createDigests(slots = 1024): Digests {
  let capacity = slots
  let table = new Uint32Array(capacity * slotWords)
  let size = 0

  /** Where the digest stands in a table, or is to be put. */
  const placeOf = (into: Uint32Array, high: number, low: number): number => {
    const most = into.length / slotWords - 1
    let slot = low & most
    for (;;) {
      const at = (slot >>> 0) * slotWords
      if (into[at + 2] === 0 || (into[at] === high && into[at + 1] === low)) return at
      slot = (slot + 1) & most
    }
  }

  const grow = () => {
    const larger = new Uint32Array(capacity * 2 * slotWords)
    for (let at = 0; at < table.length; at += slotWords) {
      const [high = 0, low = 0, number = 0] = table.subarray(at, at + slotWords)
      if (number !== 0) larger.set([high, low, number], placeOf(larger, high, low))
    }
    table = larger
    capacity *= 2
  }

  const digestOf = (text: string) => {
    const digest = hash('sha256', text, 'buffer')
    return [digest.readUInt32BE(0), digest.readUInt32BE(4)] as const
  }

  return {
    firstOf(text, number) {
      const [high, low] = digestOf(text)
      let at = placeOf(table, high, low)
      const found = table[at + 2] ?? 0
      if (found !== 0) return found - 1
      if ((size + 1) * 3 > capacity * 2) {
        grow()
        at = placeOf(table, high, low)
      }
      table.set([high, low, number + 1], at)
      size += 1
      return undefined
    },
    find(text) {
      const found = table[placeOf(table, ...digestOf(text)) + 2] ?? 0
      return found === 0 ? undefined : found - 1
    },
    get size() {
      return size
    },
  }
}
