import { createSpread, createTally, type Spread, type Tally } from './distributions.ts'
import { referenceValues } from './references.ts'

/** The values that references have at one path. */
export interface ReferenceStats {
  readonly values: Tally
  /** Lengths of the values as text, in characters. */
  readonly lengths: Spread
  /** How many values are numbers, or text that reads as one. */
  numbers: number
}

/** The values of many references, by their paths. */
export interface ReferenceTable {
  add(reference: unknown): void
  /** By path; `[]` stands for any position of a list, `*` for any key of an object whose keys are data. */
  readonly paths: ReadonlyMap<string, ReferenceStats>
}

/** An object with more different keys than this, over all rows, is a map: its keys are data and are shown as one. */
const maxKeys = 12
/** The same for the reference itself, whose keys are names. */
const maxFields = 200

/** Makes an empty table, whose memory does not grow with the number of references. */
export function createReferenceTable(): ReferenceTable {
  const paths = new Map<string, ReferenceStats>()
  const keysOf = new Map<string, Set<string>>()
  const maps = new Set<string>()

  /** The path with positions and keys of maps folded. */
  const fold = (path: string): string => {
    let folded = ''
    for (const key of path.split('.')) {
      const parent = folded
      const isFolded = maps.has(parent)
      folded = join(parent, isFolded ? `*${key.endsWith('[]') ? '[]' : ''}` : key)
      if (isFolded) continue
      const keys = keysOf.get(parent) ?? new Set()
      keysOf.set(parent, keys.add(key))
      if (keys.size > (parent === '' ? maxFields : maxKeys)) return foldMap(parent, path)
    }
    return folded
  }

  const foldMap = (parent: string, path: string): string => {
    maps.add(parent)
    keysOf.delete(parent)
    const known = [...paths].filter(([name]) => parent === '' || name.startsWith(`${parent}.`))
    for (const [name] of known) paths.delete(name)
    for (const [name, stats] of known) merge(at(fold(name)), stats)
    return fold(path)
  }

  const at = (path: string): ReferenceStats => {
    const found = paths.get(path) ?? { values: createTally(), lengths: createSpread(), numbers: 0 }
    paths.set(path, found)
    return found
  }

  return {
    paths,
    add(reference) {
      for (const { path, value } of referenceValues(reference)) {
        const stats = at(fold(path.replaceAll(/\[\d+\]/g, '[]')))
        const text = String(value)
        stats.values.add(text)
        stats.lengths.add(text.length)
        if (
          typeof value === 'number' ||
          typeof value === 'bigint' ||
          (text.trim() !== '' && Number.isFinite(Number(text)))
        )
          stats.numbers += 1
      }
    },
  }
}

const join = (parent: string, key: string) => (parent === '' ? key : `${parent}.${key}`)

function merge(into: ReferenceStats, from: ReferenceStats): void {
  into.values.addAll(from.values)
  into.lengths.addAll(from.lengths)
  into.numbers += from.numbers
}
