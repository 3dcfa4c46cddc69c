import type { Sql } from 'postgres'
import { stringifyExactly } from '../base/exact-json.ts'
import { execute, retried, type Statement } from './statement.ts'

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
  /** Remembers items of a run that were sent. */
  add(run: string, hashes: Iterable<string>): void
  /** Forgets the items of a run, which was deleted. */
  forget(run: string): void
}

/** Stores an item of a run unless it is stored already. */
export function keepItem({ run, itemHash, item }: ItemOf): Statement {
  return { text: itemInsertion, values: [run, itemHash, stringifyExactly(item ?? null)] }
}

const itemInsertion = `
  insert into items (run, hash, content) values ($1::text, $2::text, $3::text::jsonb)
  on conflict (run, hash) do update set last_used_at = now()`

/** Stores the items of records of a run that was deleted with its items, although they were known. */
export async function restoreItems(sql: Sql, knownItems: KnownItems, run: string, records: Iterable<ItemOf>) {
  knownItems.forget(run)
  const missing = knownItems.missing(records)
  for (const [itemHash, item] of missing) await retried(() => execute(sql, keepItem({ run, itemHash, item })))
  knownItems.add(run, missing.keys())
}

/** Of how many runs items are remembered. */
const mostRuns = 100

/**
 * Remembers up to `limit` items of a run, each for `seconds`: less than the shortest retention, so that retention does not
 * delete an item that is still remembered. An item is sent again after that time, which tells retention that it is used.
 */
export function createKnownItems(now: () => number, limit = 10_000, seconds = 600): KnownItems {
  const runs = new Map<string, Map<string, number>>()
  const isFresh = (storedAt: number | undefined) => storedAt !== undefined && now() - storedAt < seconds * 1000
  return {
    has: ({ run, itemHash }) => isFresh(runs.get(run)?.get(itemHash)),
    missing(records) {
      const found = new Map<string, unknown>()
      for (const { run, itemHash, item } of records) {
        if (!isFresh(runs.get(run)?.get(itemHash))) found.set(itemHash, item)
      }
      return found
    },
    add(run, hashes) {
      const storedAt = runs.get(run) ?? new Map<string, number>()
      for (const hash of hashes) {
        storedAt.delete(hash)
        storedAt.set(hash, now())
      }
      if (storedAt.size > 0) runs.set(run, storedAt)
      dropOldest(storedAt, limit)
      dropOldest(runs, mostRuns)
    },
    forget: (run) => void runs.delete(run),
  }
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return
    map.delete(key)
  }
}
