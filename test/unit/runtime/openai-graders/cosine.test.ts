import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEmbed, type EmbeddingsOptions } from '../../../../src/runtime/embeddings.ts'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { cosine } from '../../../../src/runtime/openai-graders/cosine.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import type { Runners } from '../../../../src/runtime/openai-graders/runners.ts'
import { createSimilarity, type SimilaritySettings } from '../../../../src/runtime/openai-graders/similarity.ts'
import { similarityMetrics } from '../../../../src/runtime/openai-graders/single-graders.ts'
import { serveEmbeddings } from '../../../support/embeddings.ts'
import { useClosing } from '../../../support/temporary.ts'

const closing = useClosing()
const vectors: Readonly<Record<string, number[]>> = {
  'net revenue': [3, 4, 0],
  revenue: [4, 3, 0],
  'the weather': [0, 0, 2],
  opposite: [-3, -4, 0],
  nothing: [0, 0, 0],
  short: [1, 2],
}
const serve = async (refuse?: Parameters<typeof serveEmbeddings>[1], options: Partial<EmbeddingsOptions> = {}) => {
  const endpoint = closing(await serveEmbeddings((text) => vectors[text] ?? [text.length, 1, 1], refuse))
  const embed = createEmbed({ url: endpoint.url, model: 'm', attempts: 2, pauseMs: 1, ...options })
  return { embed, requests: endpoint.requests }
}
const text = {
  type: 'text_similarity',
  input: '{{sample.output_text}}',
  reference: '{{item.answer}}',
  evaluation_metric: 'cosine',
}
const run = (
  similarity: Runners['similarity'],
  output_text: string,
  answer: string,
  signal = new AbortController().signal,
  json: unknown = text,
) => {
  const checked = checkGrader(json)
  if (!checked.ok) throw new Error(checked.message)
  return runGrader(checked.grader, { item: { answer }, sample: { output_text } }, { similarity }, signal)
}
const similar = (embed: SimilaritySettings['embed'], rest: Partial<SimilaritySettings> = {}) =>
  createSimilarity({ embed, ...rest })
const unserved = graderErrors({
  model_grader_server_error: true,
  model_grader_server_error_details: 'the embeddings endpoint gave no vectors',
})

describe('cosine', () => {
  it.each([
    ['net revenue', 'revenue', 0.96],
    ['net revenue', 'net revenue', 1],
    ['net revenue', 'the weather', 0],
    ['net revenue', 'opposite', -1],
  ])('of %s and %s is that of their vectors: %d', async (input, reference, score) => {
    const { embed, requests } = await serve()
    const graded = await run(similar(embed), input, reference)
    expect(graded.score).toBeCloseTo(score, 12)
    expect(graded).toMatchObject({ errors: graderErrors(), reason: 'cosine of the input and the reference' })
    expect(requests.map(({ texts }) => texts)).toEqual([[...new Set([input, reference])]])
  })

  it('requests a text once, even for gradings that run at the same time', async () => {
    const { embed, requests } = await serve()
    const similarity = similar(embed)
    const outputs = ['a', 'bb', 'ccc', 'a', 'bb']
    const together = await Promise.all(outputs.map((output) => run(similarity, output, 'revenue')))
    const later = await Promise.all(outputs.map((output) => run(similarity, output, 'revenue')))
    expect(later.map(({ score }) => score)).toEqual(together.map(({ score }) => score))
    expect(requests.flatMap(({ texts }) => texts).sort()).toEqual(['a', 'bb', 'ccc', 'revenue'])
  })

  it('caches the most recently used texts, up to its limit', async () => {
    const { embed, requests } = await serve()
    const similarity = similar(embed, { remembered: 2 })
    await run(similarity, 'a', 'revenue')
    await run(similarity, 'bb', 'revenue')
    await run(similarity, 'a', 'revenue')
    expect(requests.splice(0).map(({ texts }) => texts)).toEqual([['a', 'revenue'], ['bb'], ['a']])
    const other = similar(embed, { remembered: 2 })
    await run(other, 'a', 'revenue')
    await run(other, 'a', 'a')
    await run(other, 'bb', 'a')
    expect(requests.map(({ texts }) => texts)).toEqual([['a', 'revenue'], ['bb']])
    await run(other, 'a', 'bb')
    expect(requests).toHaveLength(2)
  })

  it('gives 0 for an empty output and no score for an empty reference', async () => {
    const { embed, requests } = await serve()
    expect(await run(similar(embed), ' \n', 'revenue')).toMatchObject({ score: 0, errors: graderErrors() })
    for (const output of ['', 'revenue']) {
      expect(await run(similar(embed), output, ' ')).toMatchObject({
        score: null,
        errors: graderErrors({ other_error: true }),
        reason: 'the reference is empty',
      })
    }
    expect(requests).toEqual([])
  })

  it('gives 0 for an output that is too long and no score for a reference that is', async () => {
    const { embed, requests } = await serve()
    const long = 'word '.repeat(50_000)
    expect(await run(similar(embed), long, 'revenue')).toMatchObject({ score: 0 })
    expect(await run(similar(embed), 'revenue', long)).toMatchObject({
      score: null,
      errors: graderErrors({ truncated_observation_error: true }),
    })
    expect(requests).toEqual([])
  })

  it('gives no score if the endpoint cannot answer, and asks again in the next grading', async () => {
    let isUnavailable = true
    const { embed, requests } = await serve(() => (isUnavailable ? { status: 503 } : undefined))
    const warnings: unknown[] = []
    const similarity = similar(embed, { warn: (error) => warnings.push(error) })
    const graded = await run(similarity, 'net revenue', 'revenue')
    expect(graded).toMatchObject({ score: null, errors: unserved, reason: 'the embeddings endpoint gave no vectors' })
    expect(requests).toHaveLength(2)
    expect(String(warnings[0])).toContain('HTTP 503')
    isUnavailable = false
    expect(await run(similarity, 'net revenue', 'revenue')).toMatchObject({ errors: graderErrors() })
  })

  it('gives no score for vectors without an angle', async () => {
    const { embed } = await serve()
    for (const [input, reference] of [
      ['nothing', 'revenue'],
      ['revenue', 'nothing'],
      ['nothing', 'nothing'],
      ['short', 'revenue'],
    ] as const) {
      const graded = await run(similar(embed), input, reference)
      expect(graded).toMatchObject({ score: null, errors: { model_grader_server_error: true } })
      expect(graded.reason).toBe('the embeddings endpoint gave vectors without an angle')
    }
    const few = await run(
      similar(async () => []),
      'a',
      'b',
    )
    expect(few).toMatchObject({ score: null, errors: unserved })
  })

  it('leaves the other graders of a multi grader their scores', async () => {
    const { embed } = await serve(() => ({ status: 400 }))
    const exact = {
      type: 'string_check',
      operation: 'eq',
      input: '{{sample.output_text}}',
      reference: '{{item.answer}}',
    }
    const multi = { type: 'multi', graders: { like: text, exact }, calculate_output: '(like + exact) / 2' }
    const { signal } = new AbortController()
    const graded = await run(similar(embed), 'revenue', 'revenue', signal, multi)
    expect(graded).toMatchObject({ score: null, errors: unserved, subScores: { like: null, exact: 1 } })
  })

  it('is aborted with its grading, while others wait for the same vectors', async () => {
    const asked: (readonly string[])[] = []
    const answering: (() => void)[] = []
    const similarity = similar(async (texts) => {
      asked.push(texts)
      await new Promise<void>((resolve) => answering.push(resolve))
      return texts.map(() => [1, 1])
    })
    const first = new AbortController()
    const [given, waiting] = [run(similarity, 'a', 'b', first.signal), run(similarity, 'a', 'b')]
    await expect.poll(() => answering).toHaveLength(1)
    first.abort(new Error('too late'))
    await expect(given).rejects.toThrow('too late')
    answering[0]?.()
    expect(await waiting).toMatchObject({ score: 1 })
    expect(asked).toEqual([['a', 'b']])
  })

  it('needs an endpoint, unlike every other metric', async () => {
    expect(await run(similar(undefined), 'a', 'b')).toMatchObject({
      score: null,
      errors: graderErrors({ other_error: true }),
      reason: 'the metric cosine is not available',
    })
    const { embed } = await serve()
    for (const similarity of [similar(undefined), similar(embed)]) {
      for (const evaluation_metric of similarityMetrics.filter((metric) => metric !== 'cosine')) {
        const graded = await run(similarity, 'a b c d e f', 'a b c d e f', undefined, { ...text, evaluation_metric })
        expect(graded.score, evaluation_metric).toBeGreaterThan(0.9)
      }
    }
  })
})

describe('the cosine of two vectors', () => {
  const vector = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 3, maxLength: 3 })

  it('is between -1 and 1, the same both ways, and does not change with their lengths', () => {
    fc.assert(
      fc.property(vector, vector, fc.double({ noNaN: true, min: 1e-3, max: 1e3 }), (a, b, factor) => {
        const angle = cosine(a, b)
        fc.pre(angle !== undefined)
        expect(Math.abs(angle ?? 2)).toBeLessThanOrEqual(1)
        expect(cosine(b, a)).toBeCloseTo(angle ?? 2, 12)
        const scaled = b.map((one) => one * factor)
        fc.pre(scaled.every((one, index) => one !== 0 || b[index] === 0))
        if (Math.max(...b.map(Math.abs)) > 1e-290) expect(cosine(a, scaled)).toBeCloseTo(angle ?? 2, 6)
      }),
    )
  })

  it('is at most 1 despite rounding', () => expect(cosine([1, 5, 4], [0.7, 3.5, 2.8])).toBe(1))

  it('is exact for vectors whose squares overflow or underflow', () => {
    expect(cosine([3e200, 4e200], [4e200, 3e200])).toBeCloseTo(0.96, 12)
    expect(cosine([3e-200, 4e-200], [4e-200, 3e-200])).toBeCloseTo(0.96, 12)
  })

  it.each<[number[], number[]]>([
    [[], []],
    [
      [0, 0],
      [1, 1],
    ],
    [[1], [1, 1]],
    [
      [Number.NaN, 1],
      [1, 1],
    ],
    [
      [1, 1],
      [Number.POSITIVE_INFINITY, 1],
    ],
  ])('is undefined for %j and %j', (a, b) => expect(cosine(a, b)).toBeUndefined())
})
