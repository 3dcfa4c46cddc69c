import type { Stats } from './stats.ts'

/** What is known of the items of a burst. */
export type BurstItems = Pick<Stats, 'items' | 'sketch'> & { readonly bucket: number }

/**
 * Finds the bursts that are validations: the same items come up together again and again, and not with others. Training
 * batches differ from one another, or all of them recur equally often. Returns the buckets of the validations.
 */
export function validationBursts(bursts: readonly BurstItems[]): ReadonlySet<number> {
  const sets: { readonly items: number; readonly sketch: ReadonlySet<string>; readonly buckets: number[] }[] = []
  /** The sets in which each hash is. */
  const byHash = new Map<string, number[]>()
  for (const { bucket, items, sketch } of bursts) {
    if (items === 0) continue
    const candidates = new Set(sketch.flatMap((hash) => byHash.get(hash) ?? []))
    const same = [...candidates]
      .map((at) => sets[at])
      .find((set) => set !== undefined && isSame(set, { items, sketch }))
    if (same !== undefined) {
      same.buckets.push(bucket)
      continue
    }
    sets.push({ items, sketch: new Set(sketch), buckets: [bucket] })
    for (const hash of sketch) byHash.set(hash, [...(byHash.get(hash) ?? []), sets.length - 1])
  }
  const sorted = sets.map(({ buckets }) => buckets).sort((a, b) => b.length - a.length)
  const [most = [], next = []] = sorted
  const others = bursts.length - most.length
  // Batches that recur in each epoch are as frequent as one another.
  if (most.length < 2 || most.length < 2 * next.length || others === 0) return new Set()
  return new Set(most)
}

/** Whether two bursts have nearly the same items: some rollouts of a burst may never have reached the server. */
function isSame(
  set: { readonly items: number; readonly sketch: ReadonlySet<string> },
  other: { readonly items: number; readonly sketch: readonly string[] },
): boolean {
  if (Math.abs(set.items - other.items) > 0.1 * Math.max(set.items, other.items)) return false
  const shared = other.sketch.filter((hash) => set.sketch.has(hash)).length
  return shared >= 0.75 * Math.max(set.sketch.size, other.sketch.length)
}
