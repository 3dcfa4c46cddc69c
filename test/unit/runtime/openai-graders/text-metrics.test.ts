import { describe, expect, it } from 'vitest'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import { textMetric } from '../../../../src/runtime/openai-graders/similarity.ts'
import { similarityMetrics } from '../../../../src/runtime/openai-graders/single-graders.ts'

const run = (evaluation_metric: string, output_text: string, answer: string) => {
  const checked = checkGrader({
    type: 'text_similarity',
    input: '{{sample.output_text}}',
    reference: '{{item.answer}}',
    evaluation_metric,
  })
  if (!checked.ok) throw new Error(checked.message)
  const subject = { item: { answer }, sample: { output_text } }
  return runGrader(checked.grader, subject, { similarity: textMetric }, new AbortController().signal)
}
const wuzzy = ['fuzzy wuzzy was a bear', 'fuzzy wuzzy had no hair'] as const
const fox = ['the quick brown fox jumps over the lazy dog', 'the quick brown fox jumped over the lazy dogs'] as const

describe('the metrics of text_similarity', () => {
  it.each([
    ['fuzzy_match', wuzzy, 0.755556],
    ['bleu', wuzzy, 0],
    ['gleu', wuzzy, 0.2143],
    ['meteor', wuzzy, 0.375],
    ['rouge_1', wuzzy, 0.4],
    ['rouge_2', wuzzy, 0.25],
    ['rouge_l', wuzzy, 0.4],
    ['fuzzy_match', fox, 0.954545],
    ['bleu', fox, 0.4317],
    ['gleu', fox, 0.5333],
    ['meteor', fox, 0.9993],
    ['rouge_1', fox, 0.7778],
    ['rouge_2', fox, 0.625],
  ])('give for %s of %j what the reference implementations give', async (metric, [input, reference], golden) => {
    const graded = await run(metric, input, reference)
    expect(graded.score).toBeCloseTo(golden, 4)
    expect(graded.errors).toEqual(graderErrors())
  })

  it('are all available except cosine, which needs a model', () => {
    const missing = similarityMetrics.filter((metric) => textMetric(metric) === undefined)
    expect(missing).toEqual(['cosine'])
  })

  it('distinguish the lengths of ROUGE', () => {
    const rouge = (['rouge_1', 'rouge_2', 'rouge_3', 'rouge_4', 'rouge_5'] as const).map((metric) =>
      textMetric(metric)?.('a b c d e f', 'a b c d x f', new AbortController().signal),
    )
    expect(rouge).toEqual([5 / 6, 3 / 5, 2 / 4, 1 / 3, 0])
  })

  it('give 0 for an output that is too long and no score for a reference that is', async () => {
    const long = 'word '.repeat(50_000)
    for (const metric of similarityMetrics.filter((one) => one !== 'cosine')) {
      expect(await run(metric, long, 'word'), metric).toMatchObject({ score: 0 })
      expect(await run(metric, 'word', long), metric).toMatchObject({
        score: null,
        errors: graderErrors({ truncated_observation_error: true }),
      })
    }
  })
})
