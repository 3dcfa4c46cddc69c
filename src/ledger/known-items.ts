/** The items that this process has recently stored, whose content need not be sent again with every call. */
export interface KnownItems {
  has(hash: string): boolean
  /** The items of these records that must be sent, by hash. */
  missing(records: Iterable<{ readonly itemHash: string; readonly item: unknown }>): ReadonlyMap<string, unknown>
  add(hashes: Iterable<string>): void
}

/**
 * Remembers up to `limit` hashes, each for `seconds`: less than the shortest retention, so that retention does not delete
 * an item that is still remembered.
 */
export function createKnownItems(now: () => number, limit = 10_000, seconds = 600): KnownItems {
  const storedAt = new Map<string, number>()
  const has = (hash: string) => now() - (storedAt.get(hash) ?? Number.NEGATIVE_INFINITY) < seconds * 1000
  return {
    has,
    missing(records) {
      const found = new Map<string, unknown>()
      for (const { itemHash, item } of records) if (!has(itemHash)) found.set(itemHash, item)
      return found
    },
    add(hashes) {
      for (const hash of hashes) {
        storedAt.delete(hash)
        storedAt.set(hash, now())
      }
      for (const hash of storedAt.keys()) {
        if (storedAt.size <= limit) break
        storedAt.delete(hash)
      }
    },
  }
}
