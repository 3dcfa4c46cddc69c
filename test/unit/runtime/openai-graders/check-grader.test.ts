import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'

const check = {
  type: 'string_check',
  name: 'same',
  input: '{{sample.output_text}}',
  reference: '{{item.a}}',
  operation: 'eq',
}
const judge = {
  type: 'score_model',
  model: 'gpt-4.1',
  input: [{ role: 'user', content: 'Judge {{sample.output_text}}' }],
}
const similarity = { type: 'text_similarity', input: 'a', reference: 'b', evaluation_metric: 'bleu' }
const wrong = (grader: unknown) => {
  const checked = checkGrader(grader)
  return checked.ok ? 'nothing' : checked.message
}

describe('a grader in the JSON format of OpenAI', () => {
  it.each([
    check,
    similarity,
    { ...similarity, evaluation_metric: 'rouge_l' },
    judge,
    {
      ...judge,
      range: [0, 10],
      sampling_params: { max_completions_tokens: 32_768, top_p: 1, reasoning_effort: 'medium', seed: null },
    },
    {
      ...judge,
      input: [
        { role: 'developer', type: 'message', content: { type: 'input_text', text: 'Judge.' } },
        { role: 'user', content: ['{{item.a}}', { type: 'input_image', image_url: '{{item.image}}', detail: 'low' }] },
        { role: 'user', content: [{ type: 'input_audio', input_audio: { data: '{{item.sound}}', format: 'wav' } }] },
      ],
    },
    { type: 'label_model', model: 'm', input: judge.input, labels: ['good', 'bad'], passing_labels: ['good'] },
    { type: 'python', source: 'def grade(sample, item):\n    return 1.0', image_tag: '2025-05-08' },
    { type: 'endpoint', url: 'https://grader.example/grade', headers: { 'x-functions-key': 'k' }, rate_limit: 50 },
    { type: 'multi', graders: { same: check, judge }, calculate_output: '0.5 * same + 0.5 *judge' },
  ])('may be %j', (grader) => expect(checkGrader(grader)).toMatchObject({ ok: true, grader: { type: grader.type } }))

  it('can have no name, the operation neq and unknown fields anywhere', () => {
    const lenient = { ...check, name: undefined, operation: 'neq', pass_threshold: 0.9, invalid_grade: 0, whatever: {} }
    const plain = { type: 'string_check', input: check.input, reference: check.reference, operation: 'ne' }
    expect(checkGrader(lenient)).toEqual({ ok: true, grader: plain })
    const multi = { type: 'multi', graders: { a: lenient }, calculate_output: 'a', pass_threshold: 5, invalid_grade: 0 }
    expect(checkGrader(multi)).toEqual({
      ok: true,
      grader: { type: 'multi', graders: { a: plain }, calculate_output: 'a' },
    })
  })

  it('can have its graders in a list or as a single one, whose keys are their names', () => {
    const listed = { type: 'multi', graders: [check, { ...judge, name: 'judged' }], calculate_output: 'same * judged' }
    expect(checkGrader(listed)).toMatchObject({ ok: true, grader: { graders: { same: check, judged: judge } } })
    const single = { type: 'multi', graders: check, calculate_output: 'same' }
    expect(checkGrader(single)).toMatchObject({ ok: true, grader: { graders: { same: check } } })
  })

  it('can have graders with any name that a formula can use', () => {
    const graders = { constructor: check, min: check, größe_2: check }
    const multi = { type: 'multi', graders, calculate_output: 'min(min, constructor) + größe_2' }
    expect(checkGrader(multi)).toMatchObject({ ok: true, grader: { graders } })
  })

  it.each<[string, unknown]>([
    ['grader: was null, must be an object', null],
    [
      'grader.type: must be one of "string_check", "text_similarity", "score_model", "label_model", "python", "endpoint", "multi"',
      {},
    ],
    [
      'grader.operation: was "equals", must be one of "eq", "ne", "neq", "like", "ilike"',
      { ...check, operation: 'equals' },
    ],
    ['grader.reference: is missing, must be a string', { ...check, reference: undefined }],
    ['grader.input: this "{{" is never closed by "}}" (character 3)', { ...check, input: 'a {{item.x}' }],
    ['grader.input: this "}}" closes nothing (character 7)', { ...check, input: 'item.x}}' }],
    [
      'grader.input: "answer" begins with neither "item." nor "sample." (character 1)',
      { ...check, input: '{{answer}}' },
    ],
    [
      'grader.evaluation_metric: was "rouge_6", must be one of "fuzzy_match"',
      { ...similarity, evaluation_metric: 'rouge_6' },
    ],
    ['grader.input: was "x", must be a list', { ...judge, input: 'x' }],
    ['grader.input[0].role: was "tool", must be one of', { ...judge, input: [{ role: 'tool', content: 'x' }] }],
    ['grader.input[0].content: must be a text, a part', { ...judge, input: [{ role: 'user', content: 3 }] }],
    [
      'grader.input[0].content[1].text: this "{{" is never closed',
      { ...judge, input: [{ role: 'user', content: ['a', { type: 'input_text', text: '{{item.a' }] }] },
    ],
    ['grader.range: must have its lower bound first', { ...judge, range: [1, 0] }],
    ['grader.range: was a list, must have at least 2 items', { ...judge, range: [1] }],
    [
      'grader.passing_labels[1]: must be one of the labels',
      { ...judge, type: 'label_model', labels: ['a'], passing_labels: ['a', 'b'] },
    ],
    [
      'grader.source: was a string of 256001 characters, must have at most 256000',
      { type: 'python', source: '#'.repeat(256_001) },
    ],
    [
      'grader.url: must be an address that begins with http:// or https://',
      { type: 'endpoint', url: 'ftp://user:secret@host' },
    ],
    ['grader.headers.key: must be a text', { type: 'endpoint', url: 'http://host', headers: { key: 1234 } }],
  ])('is rejected with %s', (message, grader) => expect(wrong(grader)).toContain(message))

  it.each<[string, unknown, string]>([
    ['expected an operator or the end, found ")" (character 14)', { a: check }, '0.5 * a + 0.5)'],
    ['there is no grader "b"; the graders are: a (character 5)', { a: check }, 'a + b'],
    ['must have at least 1 grader', {}, '1'],
    ['must be an object of graders by their keys', 'a', '1'],
    ['graders.a.type: must be one of "string_check"', { a: { type: 'x' } }, 'a'],
    ['graders.a.input: there is no path between the braces (character 1)', { a: { ...check, input: '{{}}' } }, 'a'],
    [
      'graders.a: a multi grader cannot contain another one',
      { a: { type: 'multi', graders: {}, calculate_output: '' } },
      'a',
    ],
    ['graders.a-b: the formula cannot use "a-b": use letters, digits and _', { 'a-b': check }, '1'],
    ['the formula cannot use "__proto__"', JSON.parse('{ "__proto__": {} }'), '1'],
    ['graders[1]: two graders have the name "same"', [check, check], 'same'],
    ['graders[0]: must have a name that the formula can use', [similarity], '1'],
    ['must have at most 64 graders', Array.from({ length: 65 }, (_, index) => ({ ...check, name: `n${index}` })), '1'],
  ])('of type multi is rejected with %s', (message, graders, calculate_output) => {
    expect(wrong({ type: 'multi', graders, calculate_output })).toContain(message)
  })

  it('names the path of the first problem', () => {
    expect(checkGrader({ ...judge, input: [{ role: 'user', content: '{{' }] })).toMatchObject({
      param: 'grader.input[0].content',
    })
    expect(checkGrader(3)).toMatchObject({ param: 'grader' })
  })

  it('repeats no header and no address', () => {
    const secret = wrong({ type: 'endpoint', url: 'secret', headers: { authorization: ['secret'] } })
    expect(secret).not.toContain('secret')
  })

  it('never throws, whatever it is given', () => {
    const type = fc.constantFrom('string_check', 'text_similarity', 'score_model', 'label_model', 'multi', 'endpoint')
    fc.assert(
      fc.property(
        type,
        fc.dictionary(fc.constantFrom('graders', 'input', 'range', 'url'), fc.jsonValue()),
        (one, rest) => {
          expect(() => checkGrader({ ...rest, type: one })).not.toThrow()
        },
      ),
    )
  })
})
