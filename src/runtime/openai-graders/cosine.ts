import { LRUCache } from 'lru-cache'
import { contentHash } from '../../base/json.ts'
import { longestCounted, tooLong } from '../../kit/scoring/score.ts'
import type { NoAnswer, Similarity } from './runners.ts'

/**
 * The cosine of the angle between two vectors: -1 for opposite directions, 0 for nothing in common, 1 for the same direction.
 *
 * Undefined for vectors without an angle: of different dimensions, of length 0, or with a number that is not finite.
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
    // Scaled, so that squares neither overflow nor underflow.
    const x = of / largestA
    const y = (b[index] ?? 0) / largestB
    product += x * y
    squareA += x * x
    squareB += y * y
  }
  // Rounding can exceed 1 slightly.
  return Math.min(1, Math.max(-1, product / Math.sqrt(squareA * squareB)))
}

/** NaN if one of the numbers is NaN. */
function largestOf(vector: readonly number[]): number {
  return vector.reduce((largest, one) => Math.max(largest, Math.abs(one)), 0)
}

/** The embedding of a text. */
export type Vector = readonly number[]
/** Turns texts into vectors, one per text in the same order. */
export type VectorsOf = (texts: readonly string[]) => Promise<readonly Vector[]>

/**
 * Caches the vectors of the `max` most recently used texts, by the hash of the text. Callers that need a text which is being
 * requested already wait for the same answer. Failures are not cached.
 */
export function cacheVectors(embed: VectorsOf, max: number): VectorsOf {
  const cache = new LRUCache<string, Promise<Vector>>({ max })
  const remove = (key: string, vector: Promise<Vector>) => cache.peek(key) === vector && cache.delete(key)
  return async (texts) => {
    const wanted = new Map<string, Promise<Vector>>()
    const missing: { readonly text: string; readonly key: string }[] = []
    for (const text of new Set(texts)) {
      const key = contentHash(text)
      const vector = cache.get(key)
      if (vector === undefined) missing.push({ text, key })
      else wanted.set(text, vector)
    }
    if (missing.length > 0) {
      const requested = embed(missing.map(({ text }) => text))
      for (const [index, { text, key }] of missing.entries()) {
        const vector = requested.then((all) => vectorAt(all, index))
        vector.catch(() => remove(key, vector))
        cache.set(key, vector)
        wanted.set(text, vector)
      }
    }
    return Promise.all(texts.map(async (text) => (await wanted.get(text)) ?? []))
  }
}

function vectorAt(all: readonly Vector[], index: number): Vector {
  const vector = all[index]
  if (vector === undefined) throw new Error('the embeddings endpoint returned fewer vectors than texts')
  return vector
}

/** Makes the metric `cosine` over the embeddings of two texts; `warn` is called with the reason if there are none. */
export function cosineBy(vectorsOf: VectorsOf, warn: ((error: unknown) => void) | undefined): Similarity {
  return async (input, reference, signal) => {
    signal.throwIfAborted()
    if (reference.trim() === '') return noAnswer({ other_error: true }, 'the reference is empty')
    if (input.trim() === '') return 0
    const long = tooLong(input, reference, longestCounted)
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
    return cosine(a, b) ?? serverError('the embeddings endpoint gave vectors without an angle')
  }
}

function noAnswer(errors: NoAnswer['errors'], reason: string): NoAnswer {
  return { ok: false, errors, reason }
}

function serverError(reason: string): NoAnswer {
  return noAnswer({ model_grader_server_error: true, model_grader_server_error_details: reason }, reason)
}

/** Rejects when the signal aborts, but does not stop the request: others may wait for the same vectors. */
function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
