import { describe, expect, it } from 'vitest'
import { UngradableError } from '../../../../src/kit/errors.ts'
import { type Answer, answer, apiError, completion, verdict } from '../../../support/judge/model-server.ts'
import { serving } from '../../../support/judge/serving.ts'

const serve = serving()

describe('a judge', () => {
  it('asks for reasoning and then a number with a strict schema, and returns both', async () => {
    const { server, ask } = await serve(() => verdict(0.25, 'rude, but brief'))
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, cached_tokens: 4 }
    expect(await ask()).toEqual({ score: 0.25, reasoning: 'rude, but brief', model: 'm-2026-01-01', usage })
    const { path, headers, body } = server.requests[0] ?? expect.fail('nothing was asked')
    expect([path, headers['authorization'], body.model]).toEqual([
      '/v1/chat/completions',
      'Bearer sk-secret-of-the-judge',
      'm',
    ])
    expect(body.messages.map(({ role }) => role)).toEqual(['system', 'user'])
    expect(body['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { strict: true, schema: { required: ['reasoning', 'score'], additionalProperties: false } },
    })
    expect(JSON.stringify(body['response_format'])).toMatch(/"properties":\{"reasoning":.*"score":/)
    expect(Object.keys(body).sort()).toEqual(['messages', 'model', 'response_format'])
  })

  it.each([
    [-3, [0, 1], 0],
    [7, [0, 1], 1],
    [7, [0, 10], 7],
    [11, [0, 10], 10],
    [-2, [-1, 1], -1],
    [0, [0, 1], 0],
  ] as const)('that answers %d in the range %j gives %d', async (answer, range, score) => {
    const { ask } = await serve(() => verdict(answer))
    expect((await ask({ range })).score).toBe(score)
  })

  it.each([
    ['[1, 0]', [1, 0]],
    ['[0, Infinity]', [0, Number.POSITIVE_INFINITY]],
    ['[NaN, 1]', [Number.NaN, 1]],
  ] as const)('is not asked for the range %s', async (_, range) => {
    const { server, ask } = await serve(() => verdict(1))
    await expect(ask({ range })).rejects.toThrow(RangeError)
    expect(server.requests).toHaveLength(0)
  })

  it('is asked with the question’s sampling, and with the replacement of the model if there is one', async () => {
    const { server, ask, client } = await serve(() => verdict(1), { models: new Map([['gpt-4o', 'gpt-5-mini']]) })
    const sampling = { temperature: 0, topP: 0.5, seed: 7, reasoningEffort: 'low', maxTokens: 900 }
    await ask({ model: 'gpt-4o', sampling })
    expect(server.requests[0]?.body).toMatchObject({
      model: 'gpt-5-mini',
      temperature: 0,
      top_p: 0.5,
      seed: 7,
      reasoning_effort: 'low',
      max_completion_tokens: 900,
    })
    expect([...client.usage().keys()]).toEqual(['gpt-5-mini'])
  })

  it('can have a user, a password and a query in its address, and no key', async () => {
    const { server } = await serve(() => verdict(1))
    const url = `${server.url.replace('http://', 'http://user:p%40ss@')}/?api-version=preview`
    await (await serve(() => undefined, { url, apiKey: undefined })).ask()
    const { path, headers } = server.requests[0] ?? expect.fail('nothing was asked')
    expect(path).toBe('/v1/chat/completions?api-version=preview')
    expect(headers['authorization']).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`)
    expect(headers['api-key']).toBeUndefined()
  })

  it('sends no key if it has none, whatever is in the environment', async () => {
    process.env['OPENAI_API_KEY'] = 'sk-of-somebody-else'
    process.env['OPENAI_ORG_ID'] = 'org-of-somebody-else'
    try {
      const { server, ask } = await serve(() => verdict(1), { apiKey: undefined })
      await ask()
      expect(server.requests[0]?.headers['authorization']).toBeUndefined()
      expect(JSON.stringify(server.requests[0]?.headers)).not.toContain('somebody-else')
    } finally {
      delete process.env['OPENAI_API_KEY']
      delete process.env['OPENAI_ORG_ID']
    }
  })

  it('counts tokens by model, including those of failed tries', async () => {
    const { client, ask } = await serve((_, n) => (n === 1 ? completion('hm') : verdict(1)))
    const { usage } = await ask()
    const twice = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30, cached_tokens: 8 }
    expect(usage).toEqual(twice)
    await ask({ model: 'other' })
    expect(Object.fromEntries(client.usage())).toEqual({
      m: twice,
      other: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, cached_tokens: 4 },
    })
  })

  it('may report no tokens, or invalid counts', async () => {
    const none = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cached_tokens: 0 }
    const content = '{"reasoning":"","score":1}'
    for (const usage of [undefined, null, 'many', { prompt_tokens: -1, completion_tokens: 'x' }]) {
      const { ask } = await serve(() => completion(content, { usage }))
      expect((await ask()).usage).toEqual(none)
    }
  })
})

const readable: readonly [string, string][] = [
  ['in a code fence', '```json\n{"reasoning": "r", "score": 0.5}\n```'],
  ['in a code fence without a language', '```\n{"reasoning": "r", "score": 0.5}\n```  '],
  ['after reasoning', '<think>maybe {"score": 1}?</think>\n{"reasoning": "r", "score": 0.5}'],
  ['after reasoning without its opening tag', 'maybe {"score": 1}?\n</think>\n\n{"reasoning": "r", "score": 0.5}'],
  ['after reasoning that quotes tags', '<think>it says </think> {"score": 1}</think>{"reasoning": "r", "score": 0.5}'],
  ['after reasoning, in a code fence', 'hm</think>\n```json\n{"reasoning": "r", "score": 0.5}\n```'],
  ['after <thinking>', '<thinking>hm</thinking>{"reasoning": "r", "score": 0.5}'],
  ['with a tag in its reasoning', '{"reasoning": "it says </think>{\\"score\\": 1}", "score": 0.5}'],
  ['with fields of its own', '{"confidence": 1, "reasoning": "r", "score": 0.5, "x": null}'],
  ['without a reasoning', '{"score": 5e-1}'],
]
const unreadable: readonly [string, unknown][] = [
  ['words', 'I would give it a score of 0.5.'],
  ['words around JSON', 'Here: {"reasoning": "r", "score": 0.5}'],
  ['words around a code fence', 'Here:\n```json\n{"reasoning": "r", "score": 0.5}\n```'],
  ['two verdicts', '{"score": 0.5}\n{"score": 0.5}'],
  ['two code fences', '```json\n{"score": 0.5}\n```\n```json\n{"score": 0.5}\n```'],
  ['a verdict within reasoning alone', '<think>{"score": 0.5}</think>'],
  ['a verdict within reasoning alone, without its opening tag', '{"score": 0.5}</think>'],
  ['a verdict that is quoted with its tags', 'It says: <think>fine</think>{"score": 0.5}'],
  ['a verdict that is quoted after reasoning', 'hm</think>It says: done</think>{"score": 0.5}'],
  ['a number in quotes', '{"reasoning": "r", "score": "0.5"}'],
  ['NaN', '{"reasoning": "r", "score": NaN}'],
  ['infinity', '{"reasoning": "r", "score": 1e999}'],
  ['null', '{"reasoning": "r", "score": null}'],
  ['true', '{"reasoning": "r", "score": true}'],
  ['no score', '{"reasoning": "r"}'],
  ['a list', '[0.5]'],
  ['a bare number', '0.5'],
  ['a truncated verdict', '{"reasoning": "r", "sco'],
  ['nothing', ''],
  ['null for a text', null],
  ['parts without a text', [{ type: 'thinking', thinking: [{ type: 'text', text: '{"score": 0.5}' }] }]],
]

const part = (text: string, type = 'text') => ({ type, text })
const inParts: readonly [string, unknown][] = [
  ['one part', [part('{"reasoning": "r", "score": 0.5}')]],
  ['several parts', [part('{"reasoning": "r", '), part('"score": 0.5}')]],
  ['parts of another name', [part('{"reasoning": "r", "score": 0.5}', 'output_text')]],
  [
    'a part of reasoning and one of text',
    [{ type: 'thinking', thinking: [part('{"score": 1}')] }, part('{"reasoning": "r", "score": 0.5}')],
  ],
  [
    'a part of reasoning that has a text',
    [part('{"score": 1}', 'reasoning'), part('{"reasoning": "r", "score": 0.5}')],
  ],
]

describe('a reply', () => {
  it.each(inParts)('is read from %s', async (_, content) => {
    const { server, ask } = await serve(() => completion(content))
    expect((await ask()).score).toBe(0.5)
    expect(server.requests).toHaveLength(1)
  })

  it('with a refusal among its parts is a refusal', async () => {
    const { ask } = await serve(() => completion([{ type: 'refusal', refusal: 'No.' }, part('{"score": 1}')]))
    await expect(ask()).rejects.toMatchObject({ status: 503, code: 'judge_declined' })
  })

  it.each(readable)('is read %s', async (_, text) => {
    const { server, ask } = await serve(() => completion(text))
    expect((await ask()).score).toBe(0.5)
    expect(server.requests).toHaveLength(1)
  })

  it.each(unreadable)(
    'of %s is not a number: the judge is asked again, and then there is no score',
    async (_, text) => {
      const { server, ask } = await serve(() => completion(text))
      const failed = ask()
      await expect(failed).rejects.toThrow(UngradableError)
      await expect(failed).rejects.toMatchObject({ status: 503, code: 'judge_unreadable' })
      expect(server.requests).toHaveLength(3)
    },
  )

  it.each([
    ['that was cut off, even if it can be read', 'judge_unreadable', { finish_reason: 'length' }],
    ['that a filter withheld', 'judge_declined', { finish_reason: 'content_filter' }],
  ])('%s is retried and is not a number', async (_, code, choice) => {
    const message = { role: 'assistant', content: '{"reasoning":"r","score":1}' }
    const { server, ask } = await serve(() => completion('', { choices: [{ index: 0, message, ...choice }] }))
    await expect(ask()).rejects.toMatchObject({ status: 503, code })
    expect(server.requests).toHaveLength(3)
  })

  it('that refuses is retried and is not a number', async () => {
    const message = { role: 'assistant', content: null, refusal: 'I cannot help with that.' }
    const refusal = { choices: [{ index: 0, finish_reason: 'stop', message }] }
    const { server, ask } = await serve(() => completion('', refusal))
    await expect(ask()).rejects.toMatchObject({ status: 503, code: 'judge_declined' })
    expect(server.requests).toHaveLength(3)
    const changing = await serve((_, n) => (n < 3 ? completion('', refusal) : verdict(0.5)))
    expect((await changing.ask()).score).toBe(0.5)
  })

  it.each([
    ['an HTML page', '<html><h1>0.5</h1></html>', { 'content-type': 'text/html' }],
    ['JSON of something else', '{"score":0.5,"choices":[]}', { 'content-type': 'application/json' }],
    ['JSON that is cut off', '{"choices":[{"message"', { 'content-type': 'application/json' }],
    ['a stream', 'data: {"score":1}\n\ndata: [DONE]\n\n', { 'content-type': 'text/event-stream' }],
    ['an empty body', '', { 'content-type': 'application/json', 'content-length': '0' }],
    ['204 and no body', undefined, {}],
  ])('that is %s is not a number', async (_, body, headers) => {
    const { server, ask } = await serve(() =>
      body === undefined ? { status: 204, body: '', headers: {} } : answer(200, body, headers),
    )
    await expect(ask()).rejects.toMatchObject({ status: 503, code: 'judge_unreadable' })
    expect(server.requests).toHaveLength(3)
  })
})

const unsupported = (name: string) => `Unsupported parameter: '${name}' is not supported with this model.`
const inDetail = (name: string) =>
  answer(422, { detail: [{ type: 'extra_forbidden', loc: ['body', name], msg: 'Extra inputs are not permitted' }] })
const refusals: readonly [string, string, () => Answer][] = [
  [
    'temperature',
    'as OpenAI refuses a value',
    () =>
      apiError(
        400,
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
        'unsupported_value',
      ),
  ],
  ['seed', 'as OpenAI refuses a parameter', () => apiError(400, unsupported('seed'), 'unsupported_parameter')],
  ['top_p', 'by its param alone', () => answer(400, { error: { message: 'Unsupported parameter', param: 'top_p' } })],
  ['max_completion_tokens', 'as a validator does', () => inDetail('max_completion_tokens')],
  [
    'max_completion_tokens',
    'as an unknown one',
    () => apiError(400, 'Unrecognized request argument: max_completion_tokens'),
  ],
  [
    'reasoning_effort',
    'in a bare message',
    () => answer(400, { object: 'error', message: "doesn't support reasoning_effort" }),
  ],
  ['seed', 'in plain text', () => answer(400, "property 'seed' is unsupported")],
]
const sampling = { temperature: 0.2, topP: 0.5, seed: 7, reasoningEffort: 'low', maxTokens: 900 }

describe('a parameter that a model does not support', () => {
  it.each(refusals)(
    '(%s, refused %s) is dropped, and the model is asked without it from then on',
    async (name, _, refusal) => {
      const { server, ask } = await serve(({ body }) => (body.model === 'm' && name in body ? refusal() : verdict(0.5)))
      expect((await ask({ sampling })).score).toBe(0.5)
      expect((await ask({ sampling, answer: 'other' })).score).toBe(0.5)
      expect(server.requests.map(({ body }) => name in body)).toEqual([true, false, false])
      const [first, second] = server.requests.map(({ body }) => body)
      expect(second).toEqual(Object.fromEntries(Object.entries(first ?? {}).filter(([key]) => key !== name)))
      await ask({ sampling, model: 'another' })
      expect(name in (server.requests[3]?.body ?? {})).toBe(true)
    },
  )

  it('is dropped after others, each once', async () => {
    const names = ['temperature', 'seed', 'max_completion_tokens', 'response_format']
    const { server, ask } = await serve(({ body }) => {
      const name = names.find((each) => each in body)
      return name === undefined ? verdict(0.5) : apiError(400, unsupported(name))
    })
    expect((await ask({ sampling })).score).toBe(0.5)
    expect(server.requests).toHaveLength(5)
    expect((await ask({ sampling, answer: 'other' })).score).toBe(0.5)
    expect(server.requests).toHaveLength(6)
  })

  it.each([
    ['that was not sent', unsupported('seed'), {}],
    ['whose value is wrong', 'max_completion_tokens is too large: this model supports at most 16384', sampling],
    ['that is not a sampling parameter', unsupported('messages'), sampling],
  ])('%s is not dropped: the request is refused', async (_, message, given) => {
    const { server, ask } = await serve(() => apiError(400, message))
    await expect(ask({ sampling: given })).rejects.toMatchObject({ code: 'judge_refused' })
    expect(server.requests).toHaveLength(1)
  })

  it('that the API refuses although it was dropped makes the request fail', async () => {
    const { server, ask } = await serve(() => apiError(400, unsupported('seed')))
    await expect(ask({ sampling })).rejects.toMatchObject({ code: 'judge_refused' })
    expect(server.requests).toHaveLength(2)
  })
})

describe('a request that the API refuses', () => {
  it.each([
    'This response_format type is unavailable now',
    'This model does not support response format `json_schema`',
  ])('for its schema (%s) is made without one, from then on for this model', async (message) => {
    const { server, ask } = await serve(({ body }) =>
      'response_format' in body ? apiError(400, message) : verdict(0.5),
    )
    expect((await ask()).score).toBe(0.5)
    expect((await ask({ answer: 'other' })).score).toBe(0.5)
    expect(server.requests.map(({ body }) => 'response_format' in body)).toEqual([true, false, false])
    expect((await ask({ model: 'another' })).score).toBe(0.5)
    expect(server.requests.map(({ body }) => 'response_format' in body)).toEqual([true, false, false, true, false])
  })

  it.each([
    [401, 'invalid_api_key', 'judge_refused', 'see JUDGE_API_KEY'],
    [403, null, 'judge_refused', 'see JUDGE_API_KEY'],
    [404, 'model_not_found', 'judge_refused', 'see JUDGE_MODEL, JUDGE_MODELS and JUDGE_URL'],
    [400, 'context_length_exceeded', 'judge_refused', 'see the log'],
    [429, 'insufficient_quota', 'judge_refused', 'quota'],
  ])('with %d (%s) is not retried, and the message names the setting', async (status, why, code, hint) => {
    const { server, ask } = await serve(() => apiError(status, 'no', why))
    const failed = ask()
    await expect(failed).rejects.toThrow(UngradableError)
    await expect(failed).rejects.toMatchObject({ status: 503, code, message: expect.stringContaining(hint) })
    expect(server.requests).toHaveLength(1)
  })

  it('is reported to the operator without the key and the password that the API repeats', async () => {
    const reply = 'wrong key: sk-secret-of-the-judge of user:hunter2, dXNlcjpodW50ZXIy'
    const { server } = await serve(() => apiError(401, reply))
    const url = server.url.replace('http://', 'http://user:hunter2@')
    const { ask } = await serve(() => undefined, { url })
    const error: unknown = await ask().catch((thrown: unknown) => thrown)
    const { cause, message } = error instanceof Error ? error : expect.fail('no error')
    expect(String(cause)).toContain(`${server.url}: HTTP 401 wrong key: […] of user:[…], […]`)
    expect(message).not.toContain('wrong key')
  })

  it('is reported as it was written if the key is only a letter', async () => {
    const { server } = await serve(() => apiError(404, 'the model does not exist'))
    const { ask } = await serve(() => undefined, { url: server.url, apiKey: 'e' })
    const error: unknown = await ask().catch((thrown: unknown) => thrown)
    expect(String(error instanceof Error ? error.cause : error)).toContain('the model does not exist')
  })

  it('with a redirect is not followed, so the answer stays here', async () => {
    const elsewhere = await serve(() => verdict(1))
    const location = `${elsewhere.server.url}/chat/completions`
    const { ask } = await serve(() => answer(307, '', { location }))
    await expect(ask()).rejects.toMatchObject({ code: 'judge_refused', message: expect.stringContaining('redirects') })
    expect(elsewhere.server.requests).toHaveLength(0)
  })
})
