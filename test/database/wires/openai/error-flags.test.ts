import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createJudgeClient } from '../../../../src/runtime/judge/judge-client.ts'
import { createModelRunners } from '../../../../src/runtime/judge/model-runners.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { readAllowedAddresses } from '../../../../src/runtime/outbound/addresses.ts'
import { createOutbound } from '../../../../src/runtime/outbound/outbound.ts'
import { createPythonRunner, findInterpreter } from '../../../../src/runtime/python/python-runner.ts'
import { useDatabase } from '../../../support/database.ts'
import { apiError, completion, type ModelServer, serveModel } from '../../../support/judge/model-server.ts'
import { raised, runRaw, type Served, served } from '../../../support/openai/served.ts'
import { json, type Listening, listen } from '../../../support/outbound/listen.ts'

const database = useDatabase()
let models: ModelServer
let graders: Listening
/** A server with all services that graders use, and one with none. */
let full: Served
let bare: Served

const says = (result: unknown) => completion(JSON.stringify({ steps: [], result }))

beforeAll(async () => {
  models = await serveModel(({ body }) => {
    if (body.model === 'refuses') {
      const message = { role: 'assistant', content: null, refusal: 'I will not judge this.' }
      return completion(null, { choices: [{ index: 0, finish_reason: 'stop', message }] })
    }
    if (body.model === 'rambles') return completion('well, it depends')
    if (body.model === 'gone') return apiError(404, 'there is no such model', 'model_not_found')
    return says(body.model === 'labels' ? 'good' : 0.25)
  })
  graders = await listen((response, { path }) => {
    if (path === '/busy') json(response, { error: 'busy' }, 503, { 'retry-after': '86400' })
    else json(response, { score: path === '/high' ? 12.5 : 'good' })
  })
  const client = createJudgeClient({
    ...{
      url: models.url,
      model: 'm',
      apiKey: undefined,
      models: new Map(),
      concurrency: 4,
      timeoutSeconds: 30,
      pauseMs: 1,
    },
  })
  full = await served(database, {
    runners: { ...createModelRunners(client), python: createPythonRunner() },
    outbound: createOutbound({ allowed: readAllowedAddresses(graders.origin), seconds: 30, maxBytes: 1_000_000 }),
  })
  bare = await served(database)
})

afterAll(async () => {
  full.close()
  bare.close()
  await models.close()
  await graders.close()
})

const check = (input: string, reference = 'a') => ({
  type: 'string_check',
  name: 'c',
  operation: 'eq',
  input,
  reference,
})
const python = (source: string) => ({ type: 'python', name: 'p', source })
const input = [{ role: 'user', content: '{{sample.output_text}}' }]
const scoring = (model: string) => ({ type: 'score_model', name: 's', model, input })
const labelling = {
  type: 'label_model',
  name: 'l',
  model: 'labels',
  input,
  labels: ['good', 'bad'],
  passing_labels: ['good'],
}
const endpoint = (path: string) => ({ type: 'endpoint', name: 'e', url: `${graders.origin}${path}` })

const run = async (at: Served, grader: unknown, sample = 'the sample', item: unknown = {}) => {
  const answer = await runRaw(at.client, { grader, model_sample: sample, item })
  return { ...answer, flags: raised(answer), errors: answer.metadata.errors }
}

describe('a flag of graders/run', () => {
  it('is not raised by any service that works', async () => {
    const none = graderErrors()
    expect(await run(full, endpoint('/high'))).toMatchObject({ reward: 12.5, errors: none })
    expect(await run(full, labelling)).toMatchObject({ reward: 1, errors: none })
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, cached_tokens: 4 }
    expect(await run(full, scoring('m'))).toMatchObject({
      reward: 0.25,
      errors: none,
      metadata: { token_usage: usage, sampled_model_name: 'm' },
      model_grader_token_usage_per_model: { m: usage },
    })
  })

  it('formula_parse_error: the formula has no finite result', async () => {
    const grader = { type: 'multi', graders: { a: check('a', 'b') }, calculate_output: '1 / a' }
    expect(await run(full, grader)).toMatchObject({
      reward: null,
      flags: ['formula_parse_error'],
      sub_rewards: { a: 0 },
    })
  })

  it('sample_parse_error: the sample lacks what the template reads, which scores 0', async () => {
    const grader = check('{{sample.output_json.x}}')
    expect(await run(full, grader, 'no JSON')).toMatchObject({ reward: 0, flags: ['sample_parse_error'] })
  })

  it('truncated_observation_error: the text to be graded is too long', async () => {
    const grader = check('{{sample.output_text}}'.repeat(30))
    const answer = await run(full, grader, 'x'.repeat(100_000))
    expect(answer).toMatchObject({ reward: null, flags: ['truncated_observation_error'] })
  })

  it('invalid_variable_error: the item lacks what a template reads; a missing path is never rendered as nothing', async () => {
    const answer = await run(full, check('{{item.answer.deep[0]}}', ''), 'x', { answer: {} })
    expect(answer).toMatchObject({ reward: null, flags: ['invalid_variable_error'] })
    expect(answer.metadata.reason).toContain('item.answer.deep[0] is missing')
  })

  it('unresponsive_reward_error: an endpoint did not answer', async () => {
    expect(await run(full, endpoint('/busy'))).toMatchObject({ reward: null, flags: ['unresponsive_reward_error'] })
  })

  it('other_error: an endpoint is not allowed, or returned no score', async () => {
    expect(await run(full, endpoint('/text'))).toMatchObject({ reward: null, flags: ['other_error'] })
    expect(await run(bare, endpoint('/high'))).toMatchObject({ reward: null, flags: ['other_error'] })
    const metadata = { type: 'endpoint', name: 'e', url: 'http://169.254.169.254/latest/meta-data/' }
    expect(await run(full, metadata)).toMatchObject({ reward: null, flags: ['other_error'] })
  })

  it('python_grader_server_error: Python is off, and its type says so', async () => {
    const answer = await run(bare, python('def grade(sample, item): return 1'))
    expect(answer).toMatchObject({ reward: null, flags: ['python_grader_server_error'] })
    expect(answer.errors.python_grader_server_error_type).toBe('Python graders are off')
  })

  it('python_grader_runtime_error: the code raised an exception, which the details show; not without Python', async () => {
    const source = 'def grade(sample, item):\n  return len(sample["output_text"]) + 1 / item["more"]'
    const answers = [
      await run(full, python(source), 'four', { more: 2 }),
      await run(full, python(source), 'four', { more: 0 }),
    ]
    const seen = answers.map(({ reward, flags, errors }) => [reward, flags, errors.python_grader_server_error_type])
    if ((await findInterpreter()).found) {
      const raised = [null, ['python_grader_runtime_error'], null]
      expect(seen).toEqual([[4.5, [], null], raised])
      expect(answers[1]?.errors.python_grader_runtime_error_details).toContain('ZeroDivisionError')
    } else {
      const missing = [null, ['python_grader_server_error'], 'NotFound']
      expect(seen).toEqual([missing, missing])
    }
  })

  it('model_grader_server_error: no judge is configured, or it could not be asked, and the details say why', async () => {
    const without = await run(bare, scoring('m'))
    expect(without).toMatchObject({ reward: null, flags: ['model_grader_server_error'] })
    expect(without.errors.model_grader_server_error_details).toBe('no judging model is configured')
    const gone = await run(full, scoring('gone'))
    expect(gone).toMatchObject({ reward: null, flags: ['model_grader_server_error'] })
    expect(gone.errors.model_grader_server_error_details).toContain('404')
  })

  it('model_grader_refusal_error: the judge declined to answer', async () => {
    expect(await run(full, scoring('refuses'))).toMatchObject({ reward: null, flags: ['model_grader_refusal_error'] })
  })

  it('model_grader_parse_error: the judge returned no number', async () => {
    expect(await run(full, scoring('rambles'))).toMatchObject({ reward: null, flags: ['model_grader_parse_error'] })
  })

  it('of a grader inside a multi grader is raised for the whole, which still has a score if its formula does not use that grader', async () => {
    const graders = { judged: scoring('gone'), exact: check('a', 'a') }
    const both = { type: 'multi', graders, calculate_output: '(judged + exact) / 2' }
    const sub_rewards = { judged: null, exact: 1 }
    expect(await run(full, both)).toMatchObject({ reward: null, flags: ['model_grader_server_error'], sub_rewards })
    const one = { ...both, calculate_output: 'exact' }
    expect(await run(full, one)).toMatchObject({ reward: 1, flags: ['model_grader_server_error'], sub_rewards })
  })
})
