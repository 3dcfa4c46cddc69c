import { LRUCache } from 'lru-cache'
import { contentHash } from '../../base/json.ts'
import { LONGEST_COUNTED, tooLong } from '../../kit/scoring/too-long.ts'
import type { NoAnswer, Similarity } from './runners.ts'

/**
 * The cosine of the angle between two vectors: from -1, opposite, over 0, nothing in common, to 1, the same direction.
 *
 * Undefined for vectors that have no angle: of different lengths, or with a length of 0, or with a number that is not finite.
 *
 * @see https://en.wikipedia.org/wiki/Cosine_similarity
 * @example cosine([1, 0], [1, 1]) // 0.7071
 */
export function cosine(a: readonly number[], b: readonly number[]): number | undefined {
  if (a.length !== b.length) return undefined
  const [largestA, largestB] = [largestOf(a), largestOf(b)]
  if (!(largestA > 0 && largestA < Infinity && largestB > 0 && largestB < Infinity)) return undefined
  let [product, squareA, squareB] = [0, 0, 0]
  for (const [index, of] of a.entries()) {
    // By the largest, so that no square is too large or too small for a number.
    const x = of / largestA
    const y = (b[index] ?? 0) / largestB
    product += x * y
    squareA += x * x
    squareB += y * y
  }
  // Rounding can lead just beyond 1.
  return Math.min(1, Math.max(-1, product / Math.sqrt(squareA * squareB)))
}

/** NaN where one of the numbers is NaN. */
const largestOf = (vector: readonly number[]) => vector.reduce((largest, one) => Math.max(largest, Math.abs(one)), 0)

/** What an embedding model makes of a text. */
export type Vector = readonly number[]
/** Turns texts into vectors, one a text in the same order. */
export type VectorsOf = (texts: readonly string[]) => Promise<readonly Vector[]>

/**
 * The same vectors, asked for once a text: those of the `most` texts that were wanted last are kept, by the hash of the
 * text, and whoever wants one that is being asked for waits for the same answer. A failure is not kept.
 */
export function rememberVectors(embed: VectorsOf, most: number): VectorsOf {
  const known = new LRUCache<string, Promise<Vector>>({ max: most })
  const forget = (key: string, vector: Promise<Vector>) => known.peek(key) === vector && known.delete(key)
  return async (texts) => {
    const wanted = new Map<string, Promise<Vector>>()
    const missing: { readonly text: string; readonly key: string }[] = []
    for (const text of new Set(texts)) {
      const key = contentHash(text)
      const vector = known.get(key)
      if (vector === undefined) missing.push({ text, key })
      else wanted.set(text, vector)
    }
    if (missing.length > 0) {
      const asked = embed(missing.map(({ text }) => text))
      for (const [index, { text, key }] of missing.entries()) {
        const vector = asked.then((all) => vectorAt(all, index))
        vector.catch(() => forget(key, vector))
        known.set(key, vector)
        wanted.set(text, vector)
      }
    }
    return Promise.all(texts.map(async (text) => (await wanted.get(text)) ?? []))
  }
}

function vectorAt(all: readonly Vector[], index: number): Vector {
  const vector = all[index]
  if (vector === undefined) throw new Error('fewer vectors than texts')
  return vector
}

export function cosineBy(vectorsOf: VectorsOf, warn: ((error: unknown) => void) | undefined): Similarity {
  return async (input, reference, signal) => {
    signal.throwIfAborted()
    if (reference.trim() === '') return noAnswer({ other_error: true }, 'the reference is empty: nothing is like it')
    if (input.trim() === '') return 0
    const long = tooLong(input, reference, LONGEST_COUNTED)
    if (long !== undefined) return long.score
    let vectors: readonly Vector[]
    try {
      vectors = await orAborted(vectorsOf([input, reference]), signal)
    } catch (error) {
      signal.throwIfAborted()
      warn?.(error)
      return serverError('the embeddings endpoint gave no vectors')
    }
    const [a = [], b = []] = vectors
    return cosine(a, b) ?? serverError('the embeddings endpoint gave vectors that have no angle')
  }
}

const noAnswer = (errors: NoAnswer['errors'], reason: string): NoAnswer => ({ ok: false, errors, reason })
const serverError = (reason: string) =>
  noAnswer({ model_grader_server_error: true, model_grader_server_error_details: reason }, reason)

/** What the promise comes to, unless the signal aborts sooner: others may wait for the same vectors. */
function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
