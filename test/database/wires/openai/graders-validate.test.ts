import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { post, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { type Served, served, thrown } from '../../../support/openai/served.ts'
import { runs } from '../../../support/runs.ts'

const database = useDatabase()
let server: Served

beforeAll(async () => {
  server = await served(database)
})

afterAll(async () => {
  server.close()
})

const check = { type: 'string_check', name: 'c', operation: 'eq', input: '{{sample.output_text}}', reference: 'a' }
const similar = { type: 'text_similarity', evaluation_metric: 'bleu', input: 'a', reference: 'a' }
const asked = { model: 'm', input: [{ role: 'user', content: '{{item.a}}' }] }
const label = { type: 'label_model', ...asked, labels: ['a', 'b'], passing_labels: ['a'] }
const multi = { type: 'multi', graders: { a: check, b: similar }, calculate_output: 'min(a, b)' }

const validate = (grader: unknown) => server.client.post('/fine_tuning/alpha/graders/validate', { body: { grader } })

describe('graders/validate', () => {
  it.each([
    check,
    { ...check, operation: 'neq', pass_threshold: 1 },
    similar,
    { type: 'score_model', ...asked, range: [0, 10] },
    { ...multi, graders: { a: check, b: label } },
    { type: 'python', name: 'p', source: 'def grade(sample, item): return 1', image_tag: '2025-05-08' },
    { type: 'endpoint', url: 'https://graders.example.com/grade', headers: { a: 'b' }, rate_limit: 3 },
    multi,
    {
      ...multi,
      graders: [
        { ...check, name: 'a' },
        { ...similar, name: 'b' },
      ],
    },
  ])('gives a grader back as it was sent: %j', async (grader) => {
    expect(await validate(grader)).toEqual({ grader })
  })

  const cosine = { ...similar, evaluation_metric: 'cosine' }
  const python = (source: string) => ({ type: 'python', name: 'p', source })
  const looping = '{% for one in item.all %}x{% endfor %}'
  const inMulti = (one: unknown) => ({ type: 'multi', graders: { a: check, one }, calculate_output: 'a + one' })
  it.each([
    ['label_model on its own', label, ['grader: a job does not accept label_model on its own']],
    ['cosine', cosine, ['grader.evaluation_metric: a job does not accept cosine']],
    ['cosine in a multi grader', inMulti(cosine), ['grader.graders.one.evaluation_metric: ']],
    [
      'Python without grade',
      python('def score(sample, item): return 1'),
      ['grader.source: a job needs a function grade'],
    ],
    ['Python with a grade that is only called', inMulti(python('x = grade(1, 2)')), ['grader.graders.one.source: ']],
    ['statements in a template', { ...check, input: looping }, ['grader: a job does not accept {% … %}']],
    ['statements in a reference', inMulti({ ...similar, reference: looping }), ['grader.graders.one: ']],
    [
      'statements in messages, parts of them included',
      inMulti({ ...label, input: [{ role: 'user', content: ['a', { type: 'input_text', text: looping }] }] }),
      ['grader.graders.one: a job does not accept {% … %}'],
    ],
    [
      'several of them',
      { ...label, input: [{ role: 'user', content: looping }] },
      ['grader: a job does not accept label_model', 'grader: a job does not accept {% … %}'],
    ],
  ])('warns of what a job refuses: %s', async (_, grader, warnings) => {
    expect(await validate(grader)).toEqual({ grader, warnings: warnings.map((one) => expect.stringContaining(one)) })
  })

  it.each([
    python('grade = lambda sample, item: 1'),
    python('from os.path import join as grade'),
    python('    import math\n\n    def grade(sample, item):\n        return 1'),
    { ...check, reference: '50% {"a": {"%": 1}} \\frac{%a}{b}' },
  ])('does not warn of a grader that a job accepts: %j', async (grader) => {
    expect(await validate(grader)).toEqual({ grader })
  })

  it.each([
    [undefined, 'grader', 'is missing, must be an object'],
    [7, 'grader', 'was 7, must be an object'],
    [{ ...check, type: 'strings' }, 'grader.type', 'must be one of "string_check"'],
    [{ ...check, operation: 'is' }, 'grader.operation', '"is"'],
    [{ ...check, input: 'a {{sample.output_text' }, 'grader.input', 'never closed by "}}" (character 3)'],
    [{ ...check, reference: '{item.a}' }, 'grader.reference', 'has single braces where it needs two'],
    [{ ...check, input: '{{answer}}' }, 'grader.input', 'begins with neither "item." nor "sample."'],
    [{ ...similar, evaluation_metric: 'rouge_6' }, 'grader.evaluation_metric', 'must be one of "fuzzy_match"'],
    [{ ...label, passing_labels: ['c'] }, 'grader.passing_labels[0]', 'must be one of the labels'],
    [{ ...multi, calculate_output: 'a + c' }, 'grader.calculate_output', 'there is no grader "c"'],
    [{ ...multi, calculate_output: 'a +' }, 'grader.calculate_output', 'found the end (character 4)'],
    [
      { ...multi, graders: { a: check, b: { ...check, input: 1 } } },
      'grader.graders.b.input',
      'was 1, must be a string',
    ],
    [{ ...multi, graders: { a: multi } }, 'grader.graders.a', 'cannot contain another one'],
  ])('reports what is wrong with a grader, and where: %j', async (grader, param, message) => {
    const error = await thrown(validate(grader))
    expect(error).toMatchObject({ name: 'BadRequestError', status: 400, type: 'invalid_request_error', param })
    expect([error.code, error.message]).toEqual(['invalid_grader', expect.stringContaining(message)])
    const ran = await thrown(
      server.client.post('/fine_tuning/alpha/graders/run', { body: { grader, model_sample: 'x' } }),
    )
    expect([ran.status, ran.param, ran.message]).toEqual([400, param, error.message])
  })
})

/** Texts that are made of what templates and formulas are made of, and of what breaks texts. */
const crooked = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '{{',
        '}}',
        '{',
        '}',
        'sample.output_text',
        'item.',
        '[0]',
        '["',
        'a',
        ' ',
        '^',
        '(',
        ')',
        '-',
        '1e',
        'min',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))
const anything = fc.oneof({ weight: 3, arbitrary: crooked }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) })
const single = fc.record(
  {
    type: fc.constantFrom(
      'string_check',
      'text_similarity',
      'score_model',
      'label_model',
      'python',
      'endpoint',
      'multi',
      'x',
    ),
    name: anything,
    operation: fc.oneof(fc.constantFrom('eq', 'ne', 'neq', 'like', 'ilike'), anything),
    evaluation_metric: fc.oneof(
      fc.constantFrom('fuzzy_match', 'bleu', 'gleu', 'meteor', 'cosine', 'rouge_l'),
      anything,
    ),
    input: fc.oneof(anything, fc.array(fc.record({ role: fc.constantFrom('user', 'x'), content: anything }))),
    reference: anything,
    model: anything,
    range: fc.oneof(fc.array(fc.double(), { maxLength: 3 }), anything),
    labels: fc.oneof(fc.array(crooked, { maxLength: 3 }), anything),
    passing_labels: fc.oneof(fc.array(crooked, { maxLength: 3 }), anything),
    source: anything,
    url: fc.oneof(fc.webUrl(), anything),
    headers: fc.dictionary(crooked, crooked, { maxKeys: 3 }),
  },
  { requiredKeys: ['type'] },
)
const grader = fc.oneof(
  single,
  fc.record({
    type: fc.constant('multi'),
    graders: fc.oneof(fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'é'), single), fc.array(single), anything),
    calculate_output: fc.oneof(fc.constantFrom('a', 'a / b', 'min(a, b) ^ -2'), crooked),
  }),
  anything,
)

describe('any posted grader', () => {
  it('is answered with a 200 or a 400, and run accepts what validate accepts', async () => {
    const app = testApp(database)
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(grader, crooked, fc.jsonValue({ maxDepth: 3 }), async (grader, model_sample, item) => {
        const at = '/v1/fine_tuning/alpha/graders'
        const validated = await post(app, `${at}/validate`, { grader })
        const ran = await post(app, `${at}/run`, { grader, model_sample, item })
        expect([200, 400]).toContain(validated.status)
        expect(ran.status).toBe(validated.status)
        seen.add(String(validated.status))
      }),
      { numRuns: runs(600) },
    )
    expect([...seen].sort()).toEqual(['200', '400'])
  })
})
