import { describe, expect, it } from 'vitest'
import { createJudge } from '../../../../src/runtime/judge/judge.ts'
import type { JudgeClientOptions } from '../../../../src/runtime/judge/judge-client.ts'
import { createModelRunners } from '../../../../src/runtime/judge/model-runners.ts'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import type { Graded } from '../../../../src/runtime/openai-graders/graded.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import { type Answer, answer, apiError, type Behaviour, completion } from '../../../support/judge/model-server.ts'
import { serving } from '../../../support/judge/serving.ts'

const serve = serving()
const subject = { item: { question: 'How much?', image: 'https://example.org/a.png' }, sample: { output_text: '42' } }
const input = [
  { role: 'developer', content: 'Judge this.' },
  { role: 'user', content: { type: 'input_text', text: '{{item.question}}' } },
  { role: 'assistant', content: '{{sample.output_text}}' },
  {
    role: 'user',
    content: [
      'Look:',
      { type: 'input_image', image_url: '{{item.image}}', detail: 'low' },
      { type: 'input_image', image_url: '{{item.image}}' },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    ],
  },
]
const scoring = { type: 'score_model', name: 'scored', model: 'm', input }
const labelling = { type: 'label_model', model: 'm', input, labels: ['good', 'bad', 'good'], passing_labels: ['good'] }
const steps = [
  { description: 'looked', conclusion: 'It is right.' },
  { description: 'looked again', conclusion: 'It is short.' },
]
const says = (result: unknown) => completion(JSON.stringify({ steps, result }))
const usage = [{ model: 'm', prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, cached_tokens: 4 }]

/** Runs a grader against a model with this behaviour. */
async function run(grader: unknown, behave: Behaviour, options: Partial<JudgeClientOptions> = {}) {
  const { server, client } = await serve(behave, options)
  const checked = checkGrader(grader)
  if (!checked.ok) throw new Error(checked.message)
  const again = (): Promise<Graded> => {
    const runners = { similarity: () => undefined, ...createModelRunners(client) }
    return runGrader(checked.grader, subject, runners, new AbortController().signal)
  }
  return { graded: await again(), server, client, again }
}

describe('score_model', () => {
  it('is asked with only the grader’s messages, for steps and then a number', async () => {
    const { graded, server } = await run(scoring, () => says(0.75))
    expect(graded).toMatchObject({ score: 0.75, errors: graderErrors(), reason: 'It is right. It is short.', usage })
    const { body } = server.requests[0] ?? expect.fail('nothing was asked')
    expect(body.messages).toEqual([
      { role: 'developer', content: 'Judge this.' },
      { role: 'user', content: 'How much?' },
      { role: 'assistant', content: '42' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image_url', image_url: { url: 'https://example.org/a.png', detail: 'low' } },
          { type: 'image_url', image_url: { url: 'https://example.org/a.png' } },
          { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
        ],
      },
    ])
    const format = JSON.stringify(body['response_format'])
    expect(format).toMatch(/"strict":true.*"steps":.*"result":\{"type":"number"/)
    expect(Object.keys(body).sort()).toEqual(['messages', 'model', 'response_format'])
  })

  it('passes on its sampling parameters under the names of the API', async () => {
    const sampling_params = {
      max_completions_tokens: 500,
      reasoning_effort: 'low',
      seed: 3,
      temperature: 0.2,
      top_p: null,
    }
    const { server } = await run({ ...scoring, sampling_params }, () => says(1))
    const { body } = server.requests[0] ?? expect.fail('nothing was asked')
    const { model, messages, response_format, ...sampling } = body
    expect(sampling).toEqual({ max_completion_tokens: 500, reasoning_effort: 'low', seed: 3, temperature: 0.2 })
  })

  it('is clamped to its range', async () => {
    expect((await run({ ...scoring, range: [0, 5] }, () => says(7))).graded.score).toBe(5)
    expect((await run({ ...scoring, range: [0, 5] }, () => says(4))).graded.score).toBe(4)
  })

  it('may leave out its steps, or give them another shape', async () => {
    for (const odd of [undefined, 'none', [1, { conclusion: 2 }]]) {
      const text = JSON.stringify({ steps: odd, result: 1 })
      expect((await run(scoring, () => completion(text))).graded).toMatchObject({ score: 1, errors: graderErrors() })
    }
  })

  it('is cached, and then costs nothing', async () => {
    const { graded, server, again } = await run(scoring, () => says(1))
    expect(await again()).toEqual({ ...graded, usage: [] })
    expect(server.requests).toHaveLength(1)
  })

  it('uses the judge’s settings and is counted with the judge’s questions', async () => {
    const models = new Map([['gpt-4o', 'gpt-5-mini']])
    const reply = completion('{"steps":[],"result":1,"reasoning":"","score":1}')
    const { graded, client } = await run({ ...scoring, model: 'gpt-4o' }, () => reply, { models })
    expect(graded.usage).toMatchObject([{ model: 'gpt-5-mini' }])
    await createJudge(client)({ prompt: 'p', answer: 'a', model: 'gpt-4o' }, new AbortController().signal)
    expect(client.usage().get('gpt-5-mini')?.total_tokens).toBe(30)
  })
})

describe('label_model', () => {
  it('asks for one of the labels, each once, and passes or not', async () => {
    const { graded, server } = await run(labelling, () => says('good'))
    expect(graded).toMatchObject({ score: 1, errors: graderErrors(), usage })
    expect(JSON.stringify(server.requests[0]?.body['response_format'])).toContain('"enum":["good","bad"]')
    expect((await run(labelling, () => says('bad'))).graded).toMatchObject({ score: 0, errors: graderErrors() })
  })

  it('accepts no other label, however similar', async () => {
    for (const label of ['Good', ' good', 'great', 1, null]) {
      const { graded, server } = await run(labelling, () => says(label))
      expect(graded).toMatchObject({ score: null, errors: graderErrors({ model_grader_parse_error: true }) })
      expect(graded.usage).toMatchObject([{ model: 'm', total_tokens: 45 }])
      expect(server.requests).toHaveLength(3)
    }
  })
})

const refusing = completion('', {
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: null, refusal: 'No.' } }],
})
const wrongKey = '401 wrong key […]'
const faults: readonly [string, () => Answer | undefined, Parameters<typeof graderErrors>[0]][] = [
  ['that refuses', () => refusing, { model_grader_refusal_error: true }],
  ['that writes free text', () => completion('I say 0.9'), { model_grader_parse_error: true }],
  ['that writes a number in quotes', () => says('0.9'), { model_grader_parse_error: true }],
  ['that is silent', () => undefined, { unresponsive_reward_error: true }],
  [
    'that refuses the key',
    () => apiError(401, 'wrong key sk-secret-of-the-judge'),
    { model_grader_server_error: true, model_grader_server_error_details: `HTTP ${wrongKey}` },
  ],
  [
    'that is down',
    () => answer(503, '<html>busy</html>'),
    { model_grader_server_error: true, model_grader_server_error_details: 'HTTP 503 <html>busy</html>' },
  ],
]

describe('a model', () => {
  it.each(faults)('%s gives no score, and its flag says why', async (_, behave, raised) => {
    for (const grader of [scoring, labelling]) {
      const { graded } = await run(grader, behave, { timeoutSeconds: 1, pauseMs: 1 })
      expect(graded).toMatchObject({ score: null, errors: graderErrors(raised) })
    }
  })

  it('rejects with the reason of its aborted grading', async () => {
    const { client, server } = await serve(() => undefined)
    const checked = checkGrader(scoring)
    if (!checked.ok) throw new Error(checked.message)
    const controller = new AbortController()
    const runners = { similarity: () => undefined, ...createModelRunners(client) }
    const running = runGrader(checked.grader, subject, runners, controller.signal)
    await expect.poll(() => server.requests.length).toBe(1)
    controller.abort(new Error('the grader is out of time'))
    await expect(running).rejects.toThrow('out of time')
  })
})
