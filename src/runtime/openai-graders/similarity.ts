import type { Score } from '../../kit/scoring/score.ts'
import { scoreBleu } from '../../kit/scoring/similarity/bleu.ts'
import { scoreGleu } from '../../kit/scoring/similarity/gleu.ts'
import { scoreMeteor } from '../../kit/scoring/similarity/meteor.ts'
import { scoreRouge } from '../../kit/scoring/similarity/rouge.ts'
import { scoreRatio } from '../../kit/scoring/similarity/similarity.ts'
import { cosineBy, rememberVectors, type VectorsOf } from './cosine.ts'
import type { Runners, Similarity } from './runners.ts'
import type { SimilarityMetric } from './single-graders.ts'

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

/**
 * The scorer of a text_similarity metric, from 0 to 1; undefined for `cosine`, which asks an embedding model.
 *
 * OpenAI's guide says of `fuzzy_match` that it is RapidFuzz's and not which of its functions. Here it is `ratio`:
 * `WRatio` gives 0.9 to an answer that says the opposite in much the same words.
 *
 * @see https://platform.openai.com/docs/guides/graders (Text similarity graders)
 * @example textMetric('gleu')?.('fuzzy wuzzy was a bear', 'fuzzy wuzzy had no hair') // 0.2143
 */
export function textMetric(metric: SimilarityMetric): Similarity | undefined {
  const score = scorerOf(metric)
  return score === undefined ? undefined : (input, reference) => score(input, reference).score
}

function scorerOf(metric: SimilarityMetric): ((input: string, reference: string) => Score) | undefined {
  switch (metric) {
    case 'fuzzy_match':
      return scoreRatio
    case 'bleu':
      return scoreBleu
    case 'gleu':
      return scoreGleu
    case 'meteor':
      return scoreMeteor
    case 'rouge_1':
      return (input, reference) => scoreRouge(input, reference, 1)
    case 'rouge_2':
      return (input, reference) => scoreRouge(input, reference, 2)
    case 'rouge_3':
      return (input, reference) => scoreRouge(input, reference, 3)
    case 'rouge_4':
      return (input, reference) => scoreRouge(input, reference, 4)
    case 'rouge_5':
      return (input, reference) => scoreRouge(input, reference, 5)
    case 'rouge_l':
      return (input, reference) => scoreRouge(input, reference, 'L')
    case 'cosine':
      return undefined
  }
}
