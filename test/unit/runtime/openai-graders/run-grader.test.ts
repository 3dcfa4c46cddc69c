import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import type { Runners } from '../../../../src/runtime/openai-graders/runners.ts'

/** The share of the reference's words that the input has: a metric in the form of the scoring library. */
const wordRecall = (input: string, reference: string) => {
  const wanted = reference.split(' ')
  return wanted.filter((word) => input.split(' ').includes(word)).length / wanted.length
}
const similarityAlone: Runners = { similarity: (metric) => (metric === 'rouge_1' ? wordRecall : undefined) }

const run = (grader: unknown, subject: { item?: unknown; sample: unknown }, runners = similarityAlone) => {
  const checked = checkGrader(grader)
  if (!checked.ok) throw new Error(checked.message)
  return runGrader(checked.grader, { item: undefined, ...subject }, runners, new AbortController().signal)
}
const text = (output_text: string) => ({ output_text, output_json: null, output_tools: [] })
const check = (operation: string, reference = '{{item.a}}') => ({
  type: 'string_check',
  operation,
  input: '{{sample.output_text}}',
  reference,
})

describe('string_check', () => {
  it.each([
    ['eq', 'Paris', 'Paris', 1],
    ['eq', 'Paris', 'paris', 0],
    ['eq', 'Paris', 'Paris ', 0],
    ['ne', 'Paris', 'London', 1],
    ['neq', 'Paris', 'Paris', 0],
    ['like', 'It is Paris.', 'Paris', 1],
    ['like', 'Paris', 'It is Paris.', 0],
    ['like', 'it is paris.', 'Paris', 0],
    ['ilike', 'it is PARIS.', 'Paris', 1],
    ['ilike', 'GRÖSSE', 'größe', 0],
    ['ilike', 'ÄÖÜ', 'äöü', 1],
    ['like', 'a%b', '%', 1],
    ['eq', '', '', 1],
  ])('%s of %j and %j is %d', async (operation, output, a, score) => {
    const graded = await run(check(operation), { item: { a }, sample: text(output) })
    expect(graded).toEqual({ score, errors: graderErrors(), subScores: {}, reason: expect.any(String), usage: [] })
  })

  it('says in its reason that the reference is empty', async () => {
    const graded = await run(check('like'), { item: { a: '' }, sample: text('anything') })
    expect(graded).toMatchObject({ score: 1, reason: 'the reference is empty, and every input contains an empty text' })
  })

  it('takes linear time on a text in which a naive search would take minutes', { timeout: 20_000 }, async () => {
    const half = 'a'.repeat(500_000)
    for (const operation of ['like', 'ilike']) {
      const subject = { item: { a: `${half}b${half}` }, sample: text(half.repeat(3)) }
      expect(await run(check(operation), subject), operation).toMatchObject({ score: 0 })
      const within = { item: { a: `${half}b` }, sample: text(`${half}${half}b`) }
      expect(await run(check(operation), within), operation).toMatchObject({ score: 1 })
    }
  })

  it('compares values other than strings by their JSON', async () => {
    expect(await run(check('eq'), { item: { a: 1.5 }, sample: text('1.5') })).toMatchObject({ score: 1 })
    expect(await run(check('eq'), { item: { a: [true, null] }, sample: text('[true,null]') })).toMatchObject({
      score: 1,
    })
  })

  it('repeats nothing of the item in its reason', async () => {
    for (const operation of ['eq', 'ne', 'like', 'ilike']) {
      const graded = await run(check(operation), { item: { a: 'the secret' }, sample: text('x') })
      expect(graded.reason).not.toContain('secret')
    }
  })
})

describe('text_similarity', () => {
  const similarity = (evaluation_metric: string) => ({ ...check('eq'), type: 'text_similarity', evaluation_metric })

  it('gives the score of its metric for the input and the reference', async () => {
    const subject = { item: { a: 'the quick brown fox' }, sample: text('the slow brown bear') }
    expect(await run(similarity('rouge_1'), subject)).toMatchObject({ score: 0.5, errors: graderErrors() })
  })

  it('can have an asynchronous metric', async () => {
    const cosine: Runners = { similarity: () => (one, other) => Promise.resolve(one === other ? 1 : 0.25) }
    expect(await run(similarity('cosine'), { item: { a: 'a' }, sample: text('b') }, cosine)).toMatchObject({
      score: 0.25,
    })
  })

  it('gives no score if its metric is not available or gives no number', async () => {
    const subject = { item: { a: 'a' }, sample: text('b') }
    const errors = graderErrors({ other_error: true })
    const reason = 'the metric cosine is not available'
    expect(await run(similarity('cosine'), subject)).toMatchObject({ score: null, errors, reason })
    const broken: Runners = { similarity: () => () => Number.NaN }
    expect(await run(similarity('bleu'), subject, broken)).toMatchObject({ score: null, errors })
  })
})

describe('a path that does not exist', () => {
  const grader = (input: string, reference = 'x') => ({ ...check('eq'), input, reference })
  const modelsFault = { score: 0, errors: graderErrors({ sample_parse_error: true }) }
  const ourFault = { score: null, errors: graderErrors({ invalid_variable_error: true }) }

  it('scores 0 if the model’s output lacks it', async () => {
    for (const output of ['no JSON', '{"y":1}', '[1]', '']) {
      const graded = await run(grader('{{sample.output_json.x}}'), { sample: text(output) })
      expect(graded, output).toMatchObject(modelsFault)
      expect(graded.reason).toContain('sample.output_json.x is missing')
    }
    expect(await run(grader('{{sample.output_tools[0].function.name}}'), { sample: text('') })).toMatchObject(
      modelsFault,
    )
  })

  it('gives no score if the item or the grader is at fault', async () => {
    expect(await run(grader('{{item.lable}}'), { item: { label: 'x' }, sample: text('x') })).toMatchObject(ourFault)
    expect(await run(grader('{{item.label}}'), { sample: text('x') })).toMatchObject(ourFault)
    expect(await run(grader('{{sample.output_txt}}'), { sample: text('x') })).toMatchObject(ourFault)
    expect(await run(grader('{{item.label}}'), { sample: null })).toMatchObject(ourFault)
  })

  it('gives no score if the trainer did not send the field', async () => {
    const sample = { output_text: 'x', output_tools: null }
    expect(await run(grader('{{sample.output_tools[0].function.name}}'), { sample })).toMatchObject(ourFault)
  })

  it('gives no score if both are at fault', async () => {
    const [model, ours] = ['{{sample.output_json.x}}', '{{item.x}}']
    expect(await run(grader(model, ours), { item: {}, sample: text('') })).toMatchObject(ourFault)
    expect(await run(grader(ours, model), { item: {}, sample: text('') })).toMatchObject(ourFault)
    expect(await run(grader(`${model}${ours}`), { item: {}, sample: text('') })).toMatchObject(ourFault)
  })

  it('is looked up in the JSON of the text if the trainer sent none', async () => {
    const read = grader('{{sample.output_json.x}}', '2')
    expect(await run(read, { sample: text('{"x": 2}') })).toMatchObject({ score: 1 })
    expect(await run(read, { sample: { output_text: '{"x": 2}' } })).toMatchObject({ score: 1 })
    expect(await run(read, { sample: { output_text: '{"x": 3}', output_json: { x: 2 } } })).toMatchObject({ score: 1 })
    expect(await run(read, { sample: text(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) })).toMatchObject(modelsFault)
  })

  it('is distinguished from a text that is too long', async () => {
    const long = { item: { a: 'a'.repeat(1_500_000) }, sample: text('x') }
    expect(await run(grader('{{item.a}}{{item.a}}'), long)).toMatchObject({
      score: null,
      errors: graderErrors({ truncated_observation_error: true }),
    })
  })
})

describe('the example of OpenAI’s guide for tool calls', () => {
  const grader = {
    type: 'multi',
    graders: {
      function_name: {
        name: 'function_name',
        type: 'string_check',
        input: 'get_acceptors',
        reference: '{{sample.output_tools[0].function.name}}',
        operation: 'eq',
      },
      arguments: {
        name: 'arguments',
        type: 'string_check',
        input: '{"smiles": "{{item.smiles}}"}',
        reference: '{{sample.output_tools[0].function.arguments}}',
        operation: 'eq',
      },
    },
    calculate_output: '0.5 * function_name + 0.5 * arguments',
  }

  it.each([
    ['get_acceptors', '{"smiles": "CCO"}', 1],
    ['get_acceptors', '{"smiles": "C"}', 0.5],
    ['get_donors', '{}', 0],
  ])('scores a call of %s with %s %d', async (name, args, score) => {
    const output_tools = [{ id: 'call_1', type: 'function', function: { name, arguments: args } }]
    const graded = await run(grader, { item: { smiles: 'CCO' }, sample: { output_text: '', output_tools } })
    expect(graded).toMatchObject({ score, errors: graderErrors() })
    expect(z.record(z.string(), z.number()).parse(graded.subScores)).toHaveProperty('function_name')
  })

  it('scores 0 with a flag if no tool was called', async () => {
    const graded = await run(grader, { item: { smiles: 'CCO' }, sample: text('I do not know') })
    expect(graded).toMatchObject({
      score: 0,
      errors: graderErrors({ sample_parse_error: true }),
      subScores: { function_name: 0, arguments: 0 },
    })
  })
})
