import { describe, expect, it } from 'vitest'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import type { Message } from '../../../../src/runtime/openai-graders/messages.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import type { Runners } from '../../../../src/runtime/openai-graders/runners.ts'

const subject = { item: { a: 'yes', image: 'https://example.org/a.png' }, sample: { output_text: '{"x": 1}' } }
const run = (grader: unknown, runners: Partial<Runners>, of = subject) => {
  const checked = checkGrader(grader)
  if (!checked.ok) throw new Error(checked.message)
  return runGrader(checked.grader, of, { similarity: () => undefined, ...runners }, new AbortController().signal)
}
const input = [
  { role: 'system', content: 'Judge.' },
  { role: 'user', content: [{ type: 'input_text', text: '{{item.a}} {{sample.output_text}}' }, 'and {{item.a}}'] },
  { role: 'user', content: { type: 'input_image', image_url: '{{item.image}}', detail: 'low' } },
  { role: 'user', content: { type: 'input_audio', input_audio: { data: '{{item.a}}', format: 'wav' } } },
]
const judge = { type: 'score_model', model: 'm', input }
const labeller = {
  type: 'label_model',
  model: 'm',
  input,
  labels: ['good', 'fair', 'bad'],
  passing_labels: ['good', 'fair'],
}
const scoring = (score: number): Partial<Runners> => ({ scoreModel: () => Promise.resolve({ ok: true, score }) })
const labelling = (label: string): Partial<Runners> => ({ labelModel: () => Promise.resolve({ ok: true, label }) })

describe('score_model', () => {
  it('asks with its messages rendered', async () => {
    const asked: Message[] = []
    const scoreModel: Runners['scoreModel'] = (_grader, messages) => {
      asked.push(...messages)
      return Promise.resolve({ ok: true, score: 1, reason: 'all of it is there' })
    }
    expect(await run(judge, { scoreModel })).toMatchObject({ score: 1, reason: 'all of it is there' })
    expect(asked).toEqual([
      { role: 'system', content: 'Judge.' },
      { role: 'user', content: [{ type: 'input_text', text: 'yes {"x": 1}' }, 'and yes'] },
      { role: 'user', content: { type: 'input_image', image_url: 'https://example.org/a.png', detail: 'low' } },
      { role: 'user', content: { type: 'input_audio', input_audio: { data: 'yes', format: 'wav' } } },
    ])
  })

  it.each([
    [undefined, 0.5, 0.5],
    [undefined, 7, 1],
    [undefined, -1, 0],
    [[1, 10], 7, 7],
    [[1, 10], 0, 1],
    [[-1, 1], -0.5, -0.5],
  ])('is clamped to its range %j: %d becomes %d', async (range, score, clamped) => {
    expect(await run({ ...judge, range }, scoring(score))).toMatchObject({ score: clamped, errors: graderErrors() })
  })

  it('gives no score if the model gives no finite number', async () => {
    for (const score of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const errors = graderErrors({ model_grader_parse_error: true })
      expect(await run(judge, scoring(score))).toMatchObject({ score: null, errors })
    }
  })

  it('asks no model if a path is missing', async () => {
    const missing = { ...judge, input: [...input, { role: 'user', content: '{{item.b}} {{sample.output_json.y}}' }] }
    const graded = await run(missing, { scoreModel: () => Promise.reject(new Error('asked')) })
    expect(graded).toMatchObject({ score: null, errors: graderErrors({ invalid_variable_error: true }) })
    expect(graded.reason).toContain('item.b is missing')
  })

  it('asks no model if the messages are too long', async () => {
    const long = { item: { ...subject.item, a: 'a'.repeat(800_000) }, sample: subject.sample }
    const graded = await run(judge, { scoreModel: () => Promise.reject(new Error('asked')) }, long)
    expect(graded).toMatchObject({ score: null, errors: graderErrors({ truncated_observation_error: true }) })
  })
})

describe('label_model', () => {
  it.each([
    ['good', 1],
    ['fair', 1],
    ['bad', 0],
  ])('scores the label %s as %d', async (label, score) => {
    expect(await run(labeller, labelling(label))).toMatchObject({
      score,
      reason: `the model m gave the label "${label}"`,
    })
  })

  it('gives no score for a label that the grader does not have', async () => {
    const errors = graderErrors({ model_grader_parse_error: true })
    expect(await run(labeller, labelling('excellent'))).toMatchObject({ score: null, errors })
  })
})

describe('a grader that needs a service', () => {
  const endpoint = { type: 'endpoint', url: 'https://grader.example' }
  const python = { type: 'python', source: 'def grade(sample, item):\n    return 1.0' }

  it('passes the item, and the sample with its JSON', async () => {
    const runner: Runners['python'] = (_grader, given) => {
      expect(given).toEqual({ item: subject.item, sample: { output_text: '{"x": 1}', output_json: { x: 1 } } })
      return Promise.resolve({ ok: true, score: 5 })
    }
    expect(await run(python, { python: runner })).toMatchObject({ score: 5, errors: graderErrors() })
    const posted: Runners['endpoint'] = () => Promise.resolve({ ok: true, score: -2, reason: 'far off' })
    expect(await run(endpoint, { endpoint: posted })).toMatchObject({ score: -2, reason: 'far off' })
  })

  it.each([
    [judge, { model_grader_server_error: true, model_grader_server_error_details: 'no judging model is configured' }],
    [
      labeller,
      { model_grader_server_error: true, model_grader_server_error_details: 'no judging model is configured' },
    ],
    [endpoint, { other_error: true }],
    [python, { python_grader_server_error: true, python_grader_server_error_type: 'Python graders are off' }],
  ])('gives no score and raises a flag if the service is missing: %j', async (grader, raised) => {
    expect(await run(grader, {})).toMatchObject({ score: null, errors: graderErrors(raised) })
  })

  it('gives no score and the flags of the answer if that has no score', async () => {
    const errors = { python_grader_runtime_error: true, python_grader_runtime_error_details: 'KeyError: b' }
    const failed: Runners['python'] = () => Promise.resolve({ ok: false, errors, reason: 'the Python code threw' })
    const graded = await run(python, { python: failed })
    expect(graded).toMatchObject({ score: null, errors: graderErrors(errors), reason: 'the Python code threw' })
  })

  it('gives no score if the answer is not a finite number', async () => {
    const nothing: Runners['endpoint'] = () => Promise.resolve({ ok: true, score: Number.NaN })
    expect(await run(endpoint, { endpoint: nothing })).toMatchObject({
      score: null,
      errors: graderErrors({ other_error: true }),
    })
  })
})
