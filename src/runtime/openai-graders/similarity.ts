import type { Score } from '../../kit/scoring/score.ts'
import { scoreMeteor } from '../../kit/scoring/similarity/meteor.ts'
import { scoreBleu, scoreGleu, scoreRouge } from '../../kit/scoring/similarity/overlap.ts'
import { scoreRatio } from '../../kit/scoring/similarity/similarity.ts'
import { cacheVectors, cosineBy, type VectorsOf } from './cosine.ts'
import type { Runners, Similarity } from './runners.ts'
import type { SimilarityMetric } from './single-graders.ts'

/** The options of {@link createSimilarity}. */
export interface SimilaritySettings {
  /** Turns texts into vectors, one per text in the same order, with a timeout of its own; throws if it cannot. */
  readonly embed?: VectorsOf | undefined
  /** Called with the reason why there are no vectors; the error may repeat the texts. */
  readonly warn?: ((error: unknown) => void) | undefined
  /** How many texts' vectors are cached, 1,000 by default. */
  readonly remembered?: number | undefined
}

/**
 * Makes the scorers of all metrics of text_similarity: those of {@link textMetric}, and `cosine` if `embed` is given.
 *
 * `cosine` is that of the two texts' vectors, from -1 to 1. Each text is requested once, however many gradings need it at the
 * same time, and cached by its content. An empty input scores 0. Without vectors there is no score, and the flag
 * `model_grader_server_error` is raised, because the embedding model could not be asked.
 *
 * @example const runners: Runners = { similarity: createSimilarity({ embed: createEmbed(settings) }) }
 */
export function createSimilarity({ embed, warn, remembered = 1_000 }: SimilaritySettings): Runners['similarity'] {
  if (embed === undefined) return textMetric
  const measure = cosineBy(cacheVectors(embed, remembered), warn)
  return (metric) => (metric === 'cosine' ? measure : textMetric(metric))
}

/**
 * The scorer of a text_similarity metric, from 0 to 1; undefined for `cosine`, which needs an embedding model.
 *
 * OpenAI's guide says that `fuzzy_match` comes from RapidFuzz, but not which of its functions. Here it is `ratio`: `WRatio`
 * gives 0.9 to an answer that says the opposite in similar words.
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
