import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { UngradableError } from '../../../src/kit/errors.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { gate, keepingLog, type TestAppOptions, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const { defineTool, defineGrader } = defineEnvironment({
  task: z.object({ messages: z.array(z.looseObject({ content: z.unknown() })).default([]) }),
  reference: z.object({ reference_answer: z.union([z.string(), z.number()]).transform(String) }),
  state: z.object({}),
})

/** Scores an exact answer, with the number of tool calls as a part. Cannot grade the answer `broken`. */
const exact = defineGrader({
  name: 'exact',
  version: '1',
  grade({ sample: { output_text: output }, reference, trajectory }) {
    if (output === 'broken') throw new UngradableError(503, 'judge_unavailable', 'the judge does not answer')
    const score = output === reference.reference_answer ? 1 : 0
    return { score, parts: { exact: score, calls: trajectory.length } }
  },
})
const length = defineGrader({
  name: 'length',
  version: '1',
  range: [0, 1_000],
  grade: ({ sample: { output_text: output } }) =>
    output === '' ? { score: 0, parts: {} } : { score: output.length, parts: { length: output.length } },
})
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  effects: 'none',
  run: () => 'seen',
})

const app = (options: TestAppOptions = {}) => testApp(database, { tools: [look], graders: [exact, length], ...options })

async function ask(
  path: string,
  body: unknown,
  { on = app(), headers = {} }: { on?: ReturnType<typeof app>; headers?: Record<string, string> } = {},
) {
  const response = await on.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const answer: unknown = await response.json()
  return { status: response.status, headers: response.headers, answer }
}

const rolloutsOf = (run: string) => database.sql`
  select r.id, r.wire, i.content as item, g.sample->>'output_text' as text, g.score, g.outcome from rollouts r
  left join grades g on g.run = r.run and g.rollout = r.number left join items i on i.run = r.run and i.hash = r.item_hash
  where r.run = ${run} order by r.id, g.id`

const chat = (question: string) => `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`

describe('the wire of slime', () => {
  const body = (response: string, label: unknown = '4') => ({ prompt: chat('2+2?'), response, label })

  it('answers a completion with a number', async () => {
    expect(await ask('/reward/slime', body('4'))).toMatchObject({ status: 200, answer: 1 })
    expect(await ask('/reward/slime', body('5'))).toMatchObject({ status: 200, answer: 0 })
  })

  it('answers with an object whose field is the one that --reward-key names', async () => {
    const { answer } = await ask('/reward/slime?reward_key=score', body('4'))
    expect(answer).toEqual({ score: 1, metrics: { exact: 1, calls: 0 } })
    const { answer: odd } = await ask('/reward/slime?reward_key=metrics', body('4'))
    expect(odd).toEqual({ metrics: 1 })
  })

  it('grades with the grader that the address names', async () => {
    expect(await ask('/reward/slime/length', body('four'))).toMatchObject({ status: 200, answer: 4 })
    expect(await ask('/reward/slime/none', body('four'))).toMatchObject({
      status: 404,
      answer: { error: { code: 'unknown_grader' } },
    })
  })

  it.each([
    ['an object', { reference_answer: '4', level: 2 }, { reference_answer: '4', level: 2 }],
    ['the JSON text of an object', '{"reference_answer": "4", "level": 2}', { reference_answer: '4', level: 2 }],
    ['a text', '4', { messages: [{ role: 'user', content: chat('2+2?') }], reference_answer: '4' }],
    ['a number', 4, { messages: [{ role: 'user', content: chat('2+2?') }], reference_answer: 4 }],
    [
      'a text that only looks like JSON',
      '{4',
      { messages: [{ role: 'user', content: chat('2+2?') }], reference_answer: '{4' },
    ],
  ])('takes the item from a label that is %s', async (kind, label, item) => {
    const run = `label-${kind.replaceAll(' ', '-')}`
    expect(await ask(`/runs/${run}/reward/slime`, body('4', label))).toMatchObject({ status: 200 })
    expect(await rolloutsOf(run)).toMatchObject([{ wire: 'slime', item, text: '4', outcome: 'scored' }])
  })

  it('takes the messages of a prompt that is one', async () => {
    const messages = [{ role: 'user', content: '2+2?' }]
    await ask('/runs/messages/reward/slime', { prompt: messages, response: '4', label: '4' })
    expect(await rolloutsOf('messages')).toMatchObject([{ item: { messages, reference_answer: '4' } }])
  })

  it.each([null, ''])('refuses a label without a reference where the environment needs one (%j)', async (label) => {
    const { status, answer } = await ask('/reward/slime', body('4', label))
    expect({ status, answer }).toMatchObject({ status: 422, answer: { error: { code: 'item_misfit' } } })
  })

  it('grades the rollout that the label names, with its tool calls', async () => {
    const on = app()
    const item = { reference_answer: '4' }
    const called = await on.request('/runs/tools/tools/look', {
      method: 'POST',
      body: JSON.stringify(toolCall('look', 'rollout-7', 'call-1', {}, item)),
    })
    expect(called.status).toBe(200)
    const label = { item, trace_id: 'rollout-7' }
    const { answer, headers } = await ask('/runs/tools/reward/slime?reward_key=score', body('4', label), { on })
    expect(answer).toEqual({ score: 1, metrics: { exact: 1, calls: 1 } })
    expect(headers.get('x-rollout-id')).toBe('rollout-7')
    const long = { item, trace_id: 'r'.repeat(257) }
    expect(await ask('/runs/tools/reward/slime', body('4', long))).toMatchObject({ status: 400 })
  })

  it.each([
    '4<|im_end|>',
    '4</s>\n',
    '4<｜end▁of▁sentence｜>',
    '4<|eot_id|><|end_of_text|>',
    '4<end_of_turn>\n',
    '4 <eos> ',
  ])('grades a completion without the special tokens at its end: %j', async (response) => {
    expect(await ask('/reward/slime', body(response))).toMatchObject({ answer: 1 })
  })

  it.each(['<|im_end|> 4', '4 \n', '4 <b|>', ' 4'])('leaves every other completion as it is: %j', async (response) => {
    const run = `as-it-is-${response.length}`
    await ask(`/runs/${run}/reward/slime`, body(response))
    expect(await rolloutsOf(run)).toMatchObject([{ text: response }])
  })

  it('answers a completion that cannot be graded with a 5xx, records it, and grades it again when asked again', async () => {
    const { status, answer } = await ask('/runs/no-score/reward/slime', body('broken'))
    expect({ status, answer }).toMatchObject({ status: 503, answer: { error: { code: 'judge_unavailable' } } })
    await ask('/runs/no-score/reward/slime', body('broken'))
    const recorded = await rolloutsOf('no-score')
    expect(recorded).toMatchObject([
      { score: null, outcome: 'ungradable' },
      { score: null, outcome: 'ungradable' },
    ])
    expect(new Set(recorded.map(({ id }) => id)).size).toBe(1)
  })
})

describe('the wire of OpenRLHF', () => {
  const body = (...rows: readonly (readonly [question: string, completion: string, label: unknown])[]) => ({
    query: rows.map(([question, completion]) => chat(question) + completion),
    prompts: rows.map(([question]) => chat(question)),
    labels: rows.map(([, , label]) => label),
  })

  it('answers a batch with rewards, scores and the parts', async () => {
    const batch = body(['2+2?', '4<|im_end|>', '4'], ['3+3?', '4', '6'], ['1+1?', '2', { reference_answer: 2 }])
    const { status, answer } = await ask('/runs/batch/reward/openrlhf', batch)
    expect(status).toBe(200)
    const scores = [1, 0, 1]
    expect(answer).toEqual({ rewards: scores, scores, extra_logs: { exact: scores, calls: [0, 0, 0] } })
    expect((await rolloutsOf('batch')).map(({ wire, text }) => [wire, text])).toEqual([
      ['openrlhf', '4'],
      ['openrlhf', '4'],
      ['openrlhf', '2'],
    ])
  })

  it('leaves out parts that not every score has, because the trainer makes a tensor of each', async () => {
    const { answer } = await ask('/reward/openrlhf/length', body(['2+2?', 'four', '4'], ['2+2?', '', '4']))
    expect(answer).toEqual({ rewards: [4, 0], scores: [4, 0], extra_logs: {} })
  })

  it('grades a batch that is sent again once, and keeps equal completions in it apart', async () => {
    const batch = body(['2+2?', '4', '4'], ['2+2?', '4', '4'])
    const first = await ask('/runs/again/reward/openrlhf', batch)
    const again = await ask('/runs/again/reward/openrlhf', batch)
    expect(again.answer).toEqual(first.answer)
    expect(await rolloutsOf('again')).toHaveLength(2)
    await ask('/runs/again/reward/openrlhf', body(['2+2?', '4', '4']))
    expect(await rolloutsOf('again')).toHaveLength(3)
  })

  it('answers a batch that two replicas grade at the same time with the same scores, and records one', async () => {
    const replicas = [0.5, 0.25].map((score) => {
      const held = gate()
      const grade = () => held.pass().then(() => score)
      const on = app({ graders: [defineGrader({ name: 'holding', version: '1', grade })] })
      return { held, answered: ask('/runs/twice/reward/openrlhf', body(['2+2?', '4', '4']), { on }) }
    })
    for (const { held } of replicas) await held.reached
    for (const { held } of replicas) held.open()
    const [first, second] = await Promise.all(replicas.map(({ answered }) => answered))
    expect(first).toMatchObject({ status: 200 })
    expect(second?.answer).toEqual(first?.answer)
    expect(await rolloutsOf('twice')).toHaveLength(1)
  })

  it('answers a batch whole or not at all, and grades only what has no score when it is sent again', async () => {
    let broken = true
    const graded: string[] = []
    const flaky = defineGrader({
      name: 'flaky',
      version: '1',
      grade({ sample: { output_text: output } }) {
        graded.push(output)
        if (output === 'b' && broken) throw new UngradableError(503, 'judge_unavailable', 'the judge does not answer')
        return 0.5
      },
    })
    const log = keepingLog()
    const on = app({ graders: [flaky], log })
    const batch = body(['?', 'a', 'x'], ['?', 'b', 'x'], ['?', 'c', 'x'])
    const { status, answer } = await ask('/runs/whole/reward/openrlhf', batch, { on })
    expect(status).toBe(503)
    expect(answer).toEqual({
      error: {
        code: 'judge_unavailable',
        message: '1 of 3 entries have no score, so none is answered; entry 1: the judge does not answer',
      },
    })
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([{ facts: { entries: [1] } }])
    broken = false
    expect(await ask('/runs/whole/reward/openrlhf', batch, { on })).toMatchObject({
      status: 200,
      answer: { rewards: [0.5, 0.5, 0.5] },
    })
    expect(graded.toSorted()).toEqual(['a', 'b', 'b', 'c'])
  })

  it('answers with the failure of the server when other entries are refused as well', async () => {
    const batch = body(['?', '4', ''], ['?', 'broken', '4'])
    const { status, answer } = await ask('/reward/openrlhf', batch)
    expect({ status, answer }).toMatchObject({
      status: 503,
      answer: { error: { message: expect.stringContaining('2 of 2 entries') } },
    })
    const refused = await ask('/reward/openrlhf', body(['?', '4', ''], ['?', '4', '4']))
    expect(refused).toMatchObject({ status: 422, answer: { error: { code: 'item_misfit' } } })
  })

  it('grades the entries of a batch at the same time, but not more than 32', async () => {
    const held = gate()
    let running = 0
    let most = 0
    const holding = defineGrader({
      name: 'holding',
      version: '1',
      async grade() {
        running += 1
        most = Math.max(most, running)
        if (running === 32) held.open()
        await held.pass()
        running -= 1
        return 1
      },
    })
    const rows = Array.from({ length: 80 }, (_, place) => ['?', String(place), '4'] as const)
    const { status, answer } = await ask('/reward/openrlhf', body(...rows), { on: app({ graders: [holding] }) })
    expect({ status, answer }).toMatchObject({ status: 200, answer: { rewards: rows.map(() => 1) } })
    expect(most).toBe(32)
  })

  it('refuses a text whose prompt was truncated, because the completion in it is unknown', async () => {
    const batch = { query: ['user\n2+2?4'], prompts: [chat('2+2?')], labels: ['4'] }
    const { status, answer } = await ask('/reward/openrlhf', batch)
    expect({ status, answer }).toMatchObject({ status: 422, answer: { error: { code: 'prompt_not_found' } } })
  })

  it.each([
    ['no entry', { query: [], prompts: [], labels: [] }],
    ['lists of different lengths', { query: ['a', 'b'], prompts: ['a', 'b'], labels: ['4'] }],
    ['no labels', { query: ['a'], prompts: ['a'] }],
    ['a text for a list', { query: 'a', prompts: 'a', labels: '4' }],
  ])('refuses a body with %s', async (_, body) => {
    expect(await ask('/reward/openrlhf', body)).toMatchObject({
      status: 400,
      answer: { error: { code: 'invalid_request' } },
    })
  })
})

describe('the wire of an AWS reward Lambda', () => {
  const sample = (id: string, answer: unknown, fields: object = { reference_answer: '4' }) => ({
    id,
    messages: [
      { role: 'user', content: 'What is 2+2?' },
      { role: 'assistant', content: answer },
    ],
    ...fields,
  })

  it('answers a list of samples with their scores, in order', async () => {
    const { status, answer } = await ask('/runs/aws/reward/aws', [sample('one', '4'), sample('two', '5')])
    expect(status).toBe(200)
    const metrics = (value: number) => [
      { name: 'calls', value: 0, type: 'Reward' },
      { name: 'exact', value, type: 'Reward' },
    ]
    expect(answer).toEqual([
      { id: 'one', aggregate_reward_score: 1, metrics_list: metrics(1) },
      { id: 'two', aggregate_reward_score: 0, metrics_list: metrics(0) },
    ])
  })

  it('takes the row as the item, so that the samples of one row are a group', async () => {
    await ask('/runs/aws-group/reward/aws', [sample('one', '4'), sample('two', [{ type: 'text', text: '5' }])])
    const item = { messages: [{ role: 'user', content: 'What is 2+2?' }], reference_answer: '4' }
    expect(await rolloutsOf('aws-group')).toMatchObject([
      { item, text: '4', wire: 'aws' },
      { item, text: '5', wire: 'aws' },
    ])
  })

  it('answers none of the samples when one has no score', async () => {
    const { status, answer } = await ask('/reward/aws', [sample('one', '4'), sample('two', 'broken')])
    expect({ status, answer }).toMatchObject({ status: 503, answer: { error: { code: 'judge_unavailable' } } })
  })

  it.each([
    ['no list', sample('one', '4')],
    ['no sample', []],
    ['a sample without an id', [{ messages: [{ role: 'assistant', content: '4' }] }]],
    ['a last message of the user', [{ id: 'one', messages: [{ role: 'user', content: '2+2?' }] }]],
    ['an answer without a text', [sample('one', null)]],
  ])('refuses a body with %s', async (_, body) => {
    expect(await ask('/reward/aws', body)).toMatchObject({
      status: 400,
      answer: { error: { code: 'invalid_request' } },
    })
  })
})

describe.each(['/reward/slime', '/reward/openrlhf', '/reward/aws'])('%s', (path) => {
  const keys = 'trainer:grade@mine=key-of-the-trainer, tools:tools=key-of-the-tools'
  const authenticate = createAuthenticator({ keys: parseApiKeys(keys), keyHeaders: [] })

  it('asks for a key with the scope "grade", and keeps to its runs', async () => {
    const on = app({ authenticate })
    expect(await ask(path, {}, { on })).toMatchObject({ status: 401 })
    const headers = (key: string) => ({ authorization: `Bearer ${key}` })
    expect(await ask(path, {}, { on, headers: headers('key-of-the-tools') })).toMatchObject({ status: 403 })
    expect(await ask(path, {}, { on, headers: headers('key-of-the-trainer') })).toMatchObject({ status: 400 })
    const other = await ask(`/runs/yours${path}`, {}, { on, headers: headers('key-of-the-trainer') })
    expect(other).toMatchObject({ status: 403, answer: { error: { code: 'run_forbidden' } } })
  })

  it('is called by POST', async () => {
    const response = await app().request(path)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
  })
})
