import { describe, expect, it } from 'vitest'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import type { Runners, ScoreAnswer } from '../../../../src/runtime/openai-graders/runners.ts'

const usage = (model: string) => [
  { model, prompt_tokens: 10, completion_tokens: 2, total_tokens: 12, cached_tokens: 0 },
]
const runners = (scoreModel?: Runners['scoreModel'], rest: Partial<Runners> = {}): Runners => ({
  similarity: () => undefined,
  ...(scoreModel === undefined ? {} : { scoreModel }),
  ...rest,
})
const run = (grader: unknown, from: Runners, signal = new AbortController().signal, sample: unknown = {}) => {
  const checked = checkGrader(grader)
  if (!checked.ok) throw new Error(checked.message)
  return runGrader(
    checked.grader,
    { item: { a: 'yes' }, sample: { output_text: 'yes', ...Object(sample) } },
    from,
    signal,
  )
}
const right = { type: 'string_check', operation: 'eq', input: '{{sample.output_text}}', reference: '{{item.a}}' }
const judge = (model: string) => ({ type: 'score_model', model, input: [{ role: 'user', content: '{{item.a}}' }] })
const multi = (graders: object, calculate_output: string) => ({ type: 'multi', graders, calculate_output })

describe('a multi grader', () => {
  it('calculates its score from those of its graders and adds up their tokens', async () => {
    const asked = runners(({ model }) =>
      Promise.resolve({ ok: true, score: 0.25, reason: 'so so', usage: usage(model) }),
    )
    expect(await run(multi({ right, one: judge('a'), other: judge('b') }, 'right * (one + other)'), asked)).toEqual({
      score: 0.5,
      errors: graderErrors(),
      subScores: { right: 1, one: 0.25, other: 0.25 },
      reason: 'right: the input equals the reference; one: so so; other: so so',
      usage: [...usage('a'), ...usage('b')],
    })
  })

  it('uses the scores of its judges in their own range', async () => {
    const asked = runners(() => Promise.resolve({ ok: true, score: 70 }))
    const grader = multi({ one: { ...judge('a'), range: [0, 100] } }, '(100 - one) / 100')
    expect(await run(grader, asked)).toMatchObject({ score: 0.3, subScores: { one: 70 } })
  })

  it('gives no score if a grader of its formula has none, and says which and why', async () => {
    const down: ScoreAnswer = {
      ok: false,
      errors: { model_grader_server_error: true, model_grader_server_error_details: 'HTTP 503' },
      reason: 'the judge did not answer',
      usage: usage('a'),
    }
    const graded = await run(
      multi({ right, one: judge('a') }, 'max(right, one)'),
      runners(() => Promise.resolve(down)),
    )
    expect(graded).toEqual({
      score: null,
      errors: graderErrors(down.errors),
      subScores: { right: 1, one: null },
      reason: 'one: the judge did not answer',
      usage: usage('a'),
    })
  })

  it('gives a score if only a grader that its formula does not use has none', async () => {
    const graded = await run(multi({ right, one: judge('a') }, 'right'), runners())
    expect(graded).toMatchObject({
      score: 1,
      subScores: { right: 1, one: null },
      errors: { model_grader_server_error: true, model_grader_server_error_details: 'no judging model is configured' },
    })
  })

  it('gives no score and a formula_parse_error if its formula has no finite value', async () => {
    const wrong = { ...right, operation: 'ne' }
    const graded = await run(multi({ right, wrong }, 'right / wrong'), runners())
    expect(graded).toMatchObject({
      score: null,
      errors: graderErrors({ formula_parse_error: true }),
      subScores: { right: 1, wrong: 0 },
      reason: '"/" makes an infinite number of these scores (character 7)',
    })
  })

  it('keeps the flags of its graders and its own', async () => {
    const json = { ...right, input: '{{sample.output_json.x}}' }
    const graded = await run(multi({ json }, '1 / json'), runners())
    expect(graded.errors).toEqual(graderErrors({ sample_parse_error: true, formula_parse_error: true }))
  })

  it('runs its graders at the same time', async () => {
    const started: (() => void)[] = []
    const meeting = runners(async () => {
      await new Promise<void>((resolve) => {
        started.push(resolve)
        if (started.length === 2) for (const release of started) release()
      })
      return { ok: true, score: 1 }
    })
    expect(await run(multi({ one: judge('a'), other: judge('b') }, 'one + other'), meeting)).toMatchObject({ score: 2 })
  })

  it('rejects with the error of a runner and aborts the others', async () => {
    const reasons: unknown[] = []
    const thrown = new Error('a bug')
    const failing = runners(({ model }, _messages, signal) => {
      if (model === 'bad') return Promise.reject(thrown)
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason)
          reject(signal.reason)
        })
      })
    })
    await expect(run(multi({ one: judge('good'), other: judge('bad') }, 'one'), failing)).rejects.toBe(thrown)
    expect(reasons).toEqual([thrown])
  })

  it('passes on the abort of its caller', async () => {
    const given = new AbortController()
    const waiting = runners(
      (_grader, _messages, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const running = run(multi({ one: judge('a') }, 'one'), waiting, given.signal)
    given.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
  })
})
