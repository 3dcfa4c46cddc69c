import { LONGEST_COUNTED, tooLong } from '../../kit/scoring/too-long.ts'
import { cosine } from './cosine.ts'
import { rememberVectors, type Vector, type VectorsOf } from './remember-vectors.ts'
import type { NoAnswer, Runners, Similarity } from './runners.ts'
import { textMetric } from './text-metrics.ts'

/** What {@link createSimilarity} needs. */
export interface SimilaritySettings {
  /** Turns texts into vectors, one a text in the same order, and keeps a time limit of its own; throws when it cannot. */
  readonly embed?: VectorsOf | undefined
  /** Is told why there were no vectors: such an error may repeat what the texts say. */
  readonly warn?: ((error: unknown) => void) | undefined
  /** Of how many texts the vectors are remembered, 1,000 when left out. */
  readonly remembered?: number | undefined
}

/**
 * Makes the scorers of all metrics of text_similarity: those of {@link textMetric}, and `cosine` where there is somebody
 * who turns texts into vectors.
 *
 * `cosine` is that of the two texts' vectors, from -1 to 1. A text is asked about once, however many gradings need it at a
 * time, and is remembered by its content. An input without any text has nothing in common with the reference: 0. When there
 * are no vectors nothing can be said of the model: no number, and the flag `model_grader_server_error`, for it is a model
 * that could not be asked.
 *
 * @example const runners: Runners = { similarity: createSimilarity({ embed: createEmbed(settings) }) }
 */
export function createSimilarity({ embed, warn, remembered = 1_000 }: SimilaritySettings): Runners['similarity'] {
  if (embed === undefined) return textMetric
  const measure = cosineBy(rememberVectors(embed, remembered), warn)
  return (metric) => (metric === 'cosine' ? measure : textMetric(metric))
}

function cosineBy(vectorsOf: VectorsOf, warn: SimilaritySettings['warn']): Similarity {
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
