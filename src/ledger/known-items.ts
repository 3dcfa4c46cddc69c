/** A record's item, as far as storing it is concerned. */
interface ItemOf {
  readonly run: string
  readonly itemHash: string
  readonly item: unknown
}

/** The items that this process has recently stored, whose content need not be sent again with every call. */
export interface KnownItems {
  has(of: Pick<ItemOf, 'run' | 'itemHash'>): boolean
  /** The items of these records, all of one run, that must be sent, by hash. */
  missing(records: Iterable<ItemOf>): ReadonlyMap<string, unknown>
  add(records: Iterable<Pick<ItemOf, 'run' | 'itemHash'>>): void
  /** Forgets the items of a run, which was deleted. */
  forget(run: string): void
}

/**
 * Remembers up to `limit` items, each for `seconds`: less than the shortest retention, so that retention does not delete
 * an item that is still remembered.
 */
export function createKnownItems(now: () => number, limit = 10_000, seconds = 600): KnownItems {
  const storedAt = new Map<string, number>()
  const keyOf = ({ run, itemHash }: Pick<ItemOf, 'run' | 'itemHash'>) => `${run}/${itemHash}`
  const has = (of: Pick<ItemOf, 'run' | 'itemHash'>) =>
    now() - (storedAt.get(keyOf(of)) ?? Number.NEGATIVE_INFINITY) < seconds * 1000
  return {
    has,
    missing(records) {
      const found = new Map<string, unknown>()
      for (const record of records) if (!has(record)) found.set(record.itemHash, record.item)
      return found
    },
    add(records) {
      for (const record of records) {
        const key = keyOf(record)
        storedAt.delete(key)
        storedAt.set(key, now())
      }
      for (const key of storedAt.keys()) {
        if (storedAt.size <= limit) break
        storedAt.delete(key)
      }
    },
    forget(run) {
      for (const key of storedAt.keys()) if (key.startsWith(`${run}/`)) storedAt.delete(key)
    },
  }
}
