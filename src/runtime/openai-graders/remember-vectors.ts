import { contentHash } from '../../base/json.ts'

/** What an embedding model makes of a text. */
export type Vector = readonly number[]
/** Turns texts into vectors, one a text in the same order. */
export type VectorsOf = (texts: readonly string[]) => Promise<readonly Vector[]>

/**
 * The same vectors, asked for once a text: those of the `most` texts that were wanted last are kept, by the hash of the
 * text, and whoever wants one that is being asked for waits for the same answer. A failure is not kept.
 */
export function rememberVectors(embed: VectorsOf, most: number): VectorsOf {
  const known = new Map<string, Promise<Vector>>()
  const forget = (key: string, vector: Promise<Vector>) => known.get(key) === vector && known.delete(key)
  return async (texts) => {
    const distinct = [...new Set(texts)].map((text) => ({ text, key: contentHash(text) }))
    const missing = distinct.filter(({ key }) => !known.has(key))
    if (missing.length > 0) {
      const asked = embed(missing.map(({ text }) => text))
      for (const [index, { key }] of missing.entries()) {
        const vector = asked.then((all) => vectorAt(all, index))
        vector.catch(() => forget(key, vector))
        known.set(key, vector)
      }
    }
    const wanted = new Map<string, Promise<Vector>>()
    for (const { text, key } of distinct) {
      const vector = known.get(key)
      if (vector === undefined) continue
      wanted.set(text, vector)
      // The last of a Map is the one that was set last.
      known.delete(key)
      known.set(key, vector)
    }
    for (const oldest of known.keys()) {
      if (known.size <= most) break
      known.delete(oldest)
    }
    return Promise.all(texts.map(async (text) => (await wanted.get(text)) ?? []))
  }
}

function vectorAt(all: readonly Vector[], index: number): Vector {
  const vector = all[index]
  if (vector === undefined) throw new Error('fewer vectors than texts')
  return vector
}
