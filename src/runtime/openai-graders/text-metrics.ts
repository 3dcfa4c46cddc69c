import type { Score } from '../../kit/scoring/score.ts'
import { scoreBleu } from '../../kit/scoring/similarity/bleu.ts'
import { scoreGleu } from '../../kit/scoring/similarity/gleu.ts'
import { scoreMeteor } from '../../kit/scoring/similarity/meteor.ts'
import { scoreRouge } from '../../kit/scoring/similarity/rouge.ts'
import { scoreRatio } from '../../kit/scoring/similarity/similarity.ts'
import type { Similarity } from './runners.ts'
import type { SimilarityMetric } from './single-graders.ts'

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
