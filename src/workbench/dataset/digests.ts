import { hash } from 'node:crypto'

/** Remembers texts by their hashes, each with a number. */
export interface Digests {
  /** The number of an equal text that was added before; otherwise undefined, and adds this text with its number. */
  firstOf(text: string, number: number): number | undefined
  /** The number of an equal text; undefined if none was added. */
  find(text: string): number | undefined
  readonly size: number
}

/** The words of a slot: the two halves of the digest, and the number plus one, because zero marks a free slot. */
const slotWords = 3

/**
 * Remembers millions of texts in an open hash table of 64-bit digests (SHA-256, cut): 12 bytes a slot, at least a third of
 * the slots in use, so at most 36 bytes a text, and half as much again while it grows. Among ten million texts, the
 * probability that two different ones are taken for equal is 1 in 370,000.
 *
 * @param slots the initial number of slots, a power of two
 */
export function createDigests(slots = 1024): Digests {
  let capacity = slots
  let table = new Uint32Array(capacity * slotWords)
  let size = 0

  /** The index of a digest in a table, or of the free slot for it. */
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
