import OpenAI, { AzureOpenAI } from 'openai'
import type { StringCheckGrader } from 'openai/resources/graders/grader-models'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { RequestError, ToolError } from '../../../../src/kit/errors.ts'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { readAllowedAddresses } from '../../../../src/runtime/outbound/addresses.ts'
import { createOutbound } from '../../../../src/runtime/outbound/outbound.ts'
import { defineGrader, defineTool, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { raised, runRaw, type Served, served, thrown } from '../../../support/openai/served.ts'
import { json, listen } from '../../../support/outbound/listen.ts'

const database = useDatabase()
let server: Served

const cat = defineTool({
  ...{ name: 'cat', description: 'Reads.', input: z.object({ path: z.string() }) },
  effects: 'none',
  run: async ({ input }) => {
    if (input.path === 'none') throw new ToolError('the page does not exist')
    return `page ${input.path}`
  },
})
const broken = defineTool({
  ...{ name: 'broken', description: 'Breaks.', input: z.object({}) },
  effects: 'none',
  run: async () => {
    throw new Error('broken')
  },
})
const calls = defineGrader({
  name: 'calls',
  version: '1',
  range: [0, 10],
  grade: ({ trajectory }) => trajectory.length,
})
const breaking = defineGrader({
  ...{ name: 'breaking', version: '1' },
  grade: () => {
    throw new RequestError(422, 'of_its_own', 'the grader broke')
  },
})
const options = { tools: [cat, broken], graders: [calls, breaking] }

beforeAll(async () => {
  server = await served(database, options)
})

afterAll(async () => {
  server.close()
})

const equal: StringCheckGrader = {
  type: 'string_check',
  name: 'equal',
  operation: 'eq',
  input: '{{sample.output_text}}',
  reference: '{{item.answer}}',
}

describe('graders/run by the official client', () => {
  it('returns OpenAI’s complete answer for a grader of the SDK’s types', async () => {
    const run = await server.client.fineTuning.alpha.graders.run({
      ...{ grader: equal, model_sample: '42', item: { answer: '42' } },
    })
    expect(run.reward).toBe(1)
    const answer = await runRaw(server.client, { grader: equal, model_sample: '41', item: { answer: '42' } })
    expect(answer).toMatchObject({
      reward: 0,
      metadata: { name: 'equal', type: 'string_check', scores: {}, token_usage: null, sampled_model_name: null },
      sub_rewards: {},
      model_grader_token_usage_per_model: {},
    })
    expect(raised(answer)).toEqual([])
    expect(answer.metadata.reason).toBe('the input does not equal the reference')
  })

  it.each(['/v1', '/openai/v1', '/openai'])('exists under %s, with or without a query string', async (base) => {
    const settings = { apiKey: 'none', maxRetries: 0 }
    const plain = new OpenAI({ ...settings, baseURL: `${server.origin}${base}` })
    const query = { 'api-version': '2025-04-01-preview' }
    const asked = new OpenAI({ ...settings, baseURL: `${server.origin}${base}`, defaultQuery: query })
    for (const client of [plain, asked]) {
      const { data, response, request_id } = await client.fineTuning.alpha.graders
        .run({ grader: equal, model_sample: 'a', item: { answer: 'a' } })
        .withResponse()
      expect([data.reward, response.headers.get('x-request-id')]).toEqual([1, request_id])
      expect(request_id).toMatch(/^req_[0-9a-f]{32}$/)
      expect((await client.fineTuning.alpha.graders.validate({ grader: equal })).grader).toEqual(equal)
    }
  })

  it('works with Azure’s client and its endpoint', async () => {
    const client = new AzureOpenAI({
      ...{ endpoint: server.origin, apiKey: 'none', apiVersion: '2025-04-01-preview', maxRetries: 0 },
    })
    const run = await client.fineTuning.alpha.graders.run({ grader: equal, model_sample: 'a', item: { answer: 'b' } })
    expect(run.reward).toBe(0)
  })

  it('gives each request a new id, even if the caller sends one', async () => {
    const ids = [1, 2].map(async () => {
      const headers = { 'x-request-id': 'mine' }
      const asked = server.client.fineTuning.alpha.graders.validate({ grader: equal }, { headers }).withResponse()
      return (await asked).request_id
    })
    const [one, other] = await Promise.all(ids)
    expect(one).not.toBe(other)
    expect(one).not.toContain('mine')
  })

  it('runs every grader of a multi grader and returns each score', async () => {
    const grader = {
      ...{ type: 'multi', name: 'both', calculate_output: '(exact + 3 * similar) / 4' },
      graders: {
        exact: equal,
        similar: {
          ...{ type: 'text_similarity', name: 's', evaluation_metric: 'fuzzy_match' },
          ...{ input: '{{sample.output_text}}', reference: '{{item.answer}}' },
        },
      },
    }
    const item = { answer: 'fuzzy wuzzy had no hair' }
    const answer = await runRaw(server.client, { grader, model_sample: 'fuzzy wuzzy was a bear', item })
    expect(answer.sub_rewards).toEqual({ exact: 0, similar: expect.closeTo(0.755556, 6) })
    expect(answer.metadata.scores).toEqual(answer.sub_rewards)
    expect(answer.reward).toBeCloseTo((3 * 0.755556) / 4, 5)
  })

  it('is lenient where the public documentation is inconsistent', async () => {
    const { name: _, ...nameless } = equal
    const lenient = { ...nameless, operation: 'neq', pass_threshold: 0.5, something: { else: [] } }
    const answer = await runRaw(server.client, { grader: lenient, model_sample: 'a', item: { answer: 'b' }, more: 1 })
    expect([answer.reward, answer.metadata.name]).toEqual([1, ''])
    const listed = { type: 'multi', graders: [{ ...lenient, name: 'a' }], calculate_output: 'a' }
    expect((await runRaw(server.client, { grader: listed, model_sample: 'a', item: { answer: 'b' } })).reward).toBe(1)
  })

  it('grades without an item, and reads JSON from the sample', async () => {
    const grader = { ...equal, input: '{{ sample.output_json.x[1] }}', reference: '2' }
    expect((await runRaw(server.client, { grader, model_sample: '{"x": [1, 2]}' })).reward).toBe(1)
    expect((await runRaw(server.client, { grader, model_sample: '{"x": [1, 2]}', item: null })).reward).toBe(1)
  })
})

describe('the sample of a graders/run', () => {
  const text = (input: string, reference: string) => ({ ...equal, input, reference })

  it('can be an object, whose text is replaced by model_sample', async () => {
    const sample = { output_text: 'old', output_tools: [{ function: { name: 'given' } }] }
    const grader = text('{{sample.output_text}} {{sample.output_tools[0].function.name}}', 'new given')
    expect((await runRaw(server.client, { grader, sample, model_sample: 'new' })).reward).toBe(1)
    const alone = text('{{sample.output_text}}', 'old')
    expect((await runRaw(server.client, { grader: alone, sample })).reward).toBe(1)
  })

  it('requires a text in one of the two', async () => {
    for (const body of [
      { grader: equal },
      { grader: equal, sample: {} },
      { grader: equal, sample: { output_text: 1 } },
    ]) {
      const error = await thrown(runRaw(server.client, body))
      expect(error).toMatchObject({ status: 400, param: 'model_sample', code: 'invalid_request' })
    }
  })

  it('has the choices of chat completions', async () => {
    const grader = text('{{sample.choices[0].message.content}}', 'said')
    expect((await runRaw(server.client, { grader, model_sample: 'said' })).reward).toBe(1)
  })

  it.each(['94.0', '', '{"answer": [94]}'])('equals the sample that a trainer sends for the text %j', async (said) => {
    const listening = await listen((response) => json(response, { score: 1 }))
    const grader = { type: 'endpoint', name: 'elsewhere', url: `${listening.origin}/grade` }
    const checked = checkGrader(grader)
    if (!checked.ok) throw new Error(checked.message)
    const outbound = createOutbound({
      allowed: readAllowedAddresses(listening.origin),
      seconds: 10,
      maxBytes: 1_048_576,
    })
    const jsonGraders = [{ name: 'elsewhere', version: '1', codeHash: 'a', grader: checked.grader }]
    const both = await served(database, { jsonGraders, outbound })
    const sample = {
      choices: [{ index: 0, message: { role: 'assistant', content: said, tool_calls: [] }, finish_reason: 'stop' }],
      output_text: said,
      output_json: null,
      output_tools: [],
      output_reasoning_summary: null,
    }
    const trace_id = `run-same-${said}`
    const app = testApp(database, { jsonGraders, outbound })
    expect((await post(app, '/graders/elsewhere', { sample, item: {}, trace_id })).text).toBe('{"score":1}')
    expect((await runRaw(both.client, { grader, model_sample: said, trace_id })).reward).toBe(1)
    both.close()
    const [byTrainer, posted] = listening.asked.map(({ body }) => JSON.parse(body))
    await listening.close()
    expect(Object.keys(posted.sample)).toEqual(expect.arrayContaining(Object.keys(sample)))
    expect(posted).toEqual(byTrainer)
  })

  it('has empty fields instead of missing ones, so that code behaves as in a job', async () => {
    const rest = '{{sample.output_tools}} {{sample.choices[0].message.tool_calls}}'
    expect((await runRaw(server.client, { grader: text(rest, '[] []'), model_sample: 'x' })).reward).toBe(1)
    const call = text('{{sample.output_tools[0].function.name}}', 'cat')
    for (const body of [{ model_sample: 'x' }, { sample: { output_text: 'x', output_tools: [] } }]) {
      const run = await runRaw(server.client, { grader: call, ...body })
      expect([run.reward, raised(run)]).toEqual([0, ['sample_parse_error']])
    }
    const summary = text('{{sample.output_reasoning_summary}}', 'x')
    const run = await runRaw(server.client, { grader: summary, model_sample: 'x' })
    expect([run.reward, raised(run)]).toEqual([null, ['invalid_variable_error']])
  })
})

describe('a graders/run with a trace_id', () => {
  const recorded = async (rollout: string, ...made: [tool: string, args: unknown][]) => {
    for (const [index, [tool, args]] of made.entries()) {
      await post(testApp(database, options), '/tools', toolCall(tool, rollout, `call-${index}`, args))
    }
  }
  const run = (rollout: string, input: string, reference: string, more: object = {}) =>
    runRaw(server.client, { grader: { ...equal, input, reference }, model_sample: 'x', trace_id: rollout, ...more })

  it('sees the recorded calls, in the shape of chat completions and in the ledger’s own', async () => {
    await recorded('run-trace', ['cat', { path: 'a/b' }], ['cat', { path: 'none' }], ['nothing', {}])
    const names =
      '{{sample.output_tools[0].function.name}} {{sample.output_tools[0].id}} {{sample.output_tools[2].function.name}}'
    expect((await run('run-trace', names, 'cat call-0 nothing')).reward).toBe(1)
    const args = '{{sample.output_tools[0].function.arguments}}'
    expect((await run('run-trace', args, '{"path":"a/b"}')).reward).toBe(1)
    const told =
      '{{sample.trajectory[0].output}}|{{sample.trajectory[1].outcome}}|{{sample.trajectory[0].arguments.path}}'
    expect((await run('run-trace', told, 'page a/b|refused|a/b')).reward).toBe(1)
    const inChoices = '{{sample.choices[0].message.tool_calls[1].id}}'
    expect((await run('run-trace', inChoices, 'call-1')).reward).toBe(1)
  })

  it('prefers the calls of the posted sample', async () => {
    const sample = { output_tools: [{ function: { name: 'brought' } }] }
    expect((await run('run-trace', '{{sample.output_tools[0].function.name}}', 'brought', { sample })).reward).toBe(1)
    const none = { output_tools: [] }
    expect((await run('run-trace', '{{sample.output_tools[0].function.name}}', 'cat', { sample: none })).reward).toBe(1)
  })

  it('scores 0 if the grader reads a call and the rollout has none', async () => {
    const path = '{{sample.output_tools[0].function.name}}'
    const made = await run('run-trace-empty', path, 'cat')
    expect([made.reward, raised(made)]).toEqual([0, ['sample_parse_error']])
  })

  it('is a 5xx if a call of the rollout failed', async () => {
    await recorded('run-failed', ['broken', {}])
    const error = await thrown(run('run-failed', 'a', 'a'))
    expect(error).toMatchObject({ status: 500, type: 'server_error', param: null, code: 'rollout_has_failed_call' })
  })

  it('records nothing', async () => {
    await run('run-trace', 'a', 'a')
    expect(await database.sql`select 1 from ledger.gradings where rollout_id = 'run-trace'`).toEqual([])
  })
})

describe('a grader of this server that an endpoint grader names', () => {
  const endpoint = (url: string) => ({ type: 'endpoint', name: 'own', url })

  it('is called in-process, with the trajectory, and its grading is recorded', async () => {
    await post(testApp(database, options), '/tools', toolCall('cat', 'run-own', 'c', { path: 'a' }))
    const grader = endpoint(`${server.origin}/graders/calls`)
    const answer = await runRaw(server.client, {
      grader,
      model_sample: 'x',
      item: { answer: 'a' },
      trace_id: 'run-own',
    })
    expect([answer.reward, raised(answer)]).toEqual([1, []])
    const rows = await database.sql`select grader, score, sample from ledger.gradings where rollout_id = 'run-own'`
    expect(rows).toMatchObject([{ grader: 'calls', score: 1, sample: { output_text: 'x' } }])
    expect(rows[0]?.['sample']).not.toHaveProperty('trajectory')
  })

  it('is also found by the server’s public address, behind any proxy', async () => {
    const behind = await served(database, { ...options, publicUrl: 'https://rft.example.com/base' })
    for (const origin of ['https://rft.example.com/base', behind.origin]) {
      const body = { grader: endpoint(`${origin}/graders/calls`), model_sample: 'x', trace_id: 'run-own-public' }
      expect((await runRaw(behind.client, body)).reward).toBe(0)
    }
    behind.close()
  })

  it('returns no score if that grader does not exist or fails', async () => {
    for (const path of ['/graders/nobody', '/graders/breaking', '/tools/cat', '/']) {
      const answer = await runRaw(server.client, { grader: endpoint(`${server.origin}${path}`), model_sample: 'x' })
      expect([path, answer.reward, raised(answer)]).toEqual([path, null, ['other_error']])
    }
  })
})
