/** Which items this process has stored lately, so that their content is not sent again with every call. */
export interface KnownItems {
  /** The items of these records that have to be sent, by hash, in the order of their hashes. */
  missing(records: Iterable<{ readonly itemHash: string; readonly item: unknown }>): ReadonlyMap<string, unknown>
  add(hashes: Iterable<string>): void
}

/**
 * Remembers up to `limit` hashes, each for `seconds`: less than the shortest retention, so that an item which is
 * remembered has been used too lately to be deleted.
 */
export function createKnownItems(now: () => number, limit = 10_000, seconds = 600): KnownItems {
  const storedAt = new Map<string, number>()
  const isKnown = (hash: string) => now() - (storedAt.get(hash) ?? Number.NEGATIVE_INFINITY) < seconds * 1000
  return {
    missing(records) {
      const found = new Map<string, unknown>()
      for (const { itemHash, item } of records) if (!isKnown(itemHash)) found.set(itemHash, item)
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
