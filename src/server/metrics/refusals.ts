import { thresholds } from '../../dashboard/alarms/thresholds.ts'

/** The codes of refused keys and of items that do not fit: what ruins a run while the trainer continues. */
export const authCodes: readonly string[] = [...thresholds.refusedKeys.codes, 'keys_unavailable']
export const itemCodes: readonly string[] = thresholds.unfitItems.codes

/** What was refused and is not stored yet, by code. */
export interface RefusalCounts {
  add(code: string): void
  /** Returns the counts and begins again at 0. */
  take(): ReadonlyMap<string, number>
  /** Adds counts that could not be stored. */
  putBack(counts: ReadonlyMap<string, number>): void
}

/** Creates empty counts; codes other than those above are not counted. */
export function createRefusalCounts(): RefusalCounts {
  const counted = new Set([...authCodes, ...itemCodes])
  let counts = new Map<string, number>()
  const add = (code: string, more: number) => void counts.set(code, (counts.get(code) ?? 0) + more)
  return {
    add(code) {
      if (counted.has(code)) add(code, 1)
    },
    take() {
      const taken = counts
      counts = new Map()
      return taken
    },
    putBack(taken) {
      for (const [code, count] of taken) add(code, count)
    },
  }
}
