import { describe, expect, it } from 'vitest'
import { checkGrader } from '../../../../src/runtime/openai-graders/check-grader.ts'
import { graderErrors } from '../../../../src/runtime/openai-graders/grader-errors.ts'
import { runGrader } from '../../../../src/runtime/openai-graders/run-grader.ts'
import { readAllowedAddresses } from '../../../../src/runtime/outbound/addresses.ts'
import { createEndpointRunner, type EndpointRunnerOptions } from '../../../../src/runtime/outbound/endpoint-runner.ts'
import { createOutbound } from '../../../../src/runtime/outbound/outbound.ts'
import { json, type Listening, listen } from '../../../support/outbound/listen.ts'
import { useClosing } from '../../../support/temporary.ts'

const closing = useClosing()
const start = async (...args: Parameters<typeof listen>): Promise<Listening> => closing(await listen(...args))
/** A runner whose waits end at once, with a clock of its own. */
const runnerOf = (allowed: string, options: Partial<EndpointRunnerOptions> = {}) => {
  const waits: number[] = []
  let clock = 0
  const wait = async (milliseconds: number) => {
    waits.push(milliseconds)
    clock += milliseconds
  }
  const outbound = createOutbound({ allowed: readAllowedAddresses(allowed), seconds: 5, maxBytes: 1_000 })
  const endpoint = createEndpointRunner({ outbound, seconds: 300, pauseMs: 100, now: () => clock, wait, ...options })
  return { endpoint, waits }
}
const subject = {
  item: { reference_answer: 'secret-answer' },
  sample: { output_text: '{"a":1}', choices: [] },
  run: 'exp-7',
  rolloutId: 'trace_1',
}
const run = (
  { endpoint }: Pick<ReturnType<typeof runnerOf>, 'endpoint'>,
  grader: Record<string, unknown>,
  of: Parameters<typeof runGrader>[1] = subject,
  signal = new AbortController().signal,
) => {
  const checked = checkGrader({ type: 'endpoint', ...grader })
  if (!checked.ok) throw new Error(checked.message)
  return runGrader(checked.grader, of, { similarity: () => undefined, endpoint }, signal)
}
const unresponsive = { score: null, errors: graderErrors({ unresponsive_reward_error: true }) }
const other = { score: null, errors: graderErrors({ other_error: true }) }

describe('an endpoint grader', () => {
  it('receives the sample, the item, the rollout’s id and its headers, and returns the score', async () => {
    const { origin, asked } = await start((response) => json(response, { score: 7.5, more: 'ignored' }))
    const headers = { Authorization: 'Bearer k', 'X-Functions-Key': 'k' }
    const graded = await run(runnerOf(origin), { url: `${origin}/grade?code=k`, headers, pass_threshold: 8 })
    expect(graded).toMatchObject({ score: 7.5, errors: graderErrors(), reason: 'the endpoint scored it' })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({
      method: 'POST',
      path: '/grade?code=k',
      headers: { authorization: 'Bearer k', 'x-functions-key': 'k', 'content-type': 'application/json' },
    })
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({
      sample: { output_text: '{"a":1}', choices: [], output_json: { a: 1 } },
      item: { reference_answer: 'secret-answer' },
      trace_id: 'trace_1',
    })
  })

  it('receives no trace_id if there is none', async () => {
    const { origin, asked } = await start((response) => json(response, { score: 0 }))
    for (const rolloutId of [undefined, '']) {
      expect(await run(runnerOf(origin), { url: origin }, { ...subject, rolloutId })).toMatchObject({ score: 0 })
    }
    expect(asked.map(({ body }) => Object.keys(JSON.parse(body)))).toEqual([
      ['sample', 'item'],
      ['sample', 'item'],
    ])
  })

  it.each([
    ['a text', { score: '0.5' }],
    ['no score', { reward: 1 }],
    ['null', { score: null }],
    ['a bare number', 1],
    ['a list', [{ score: 1 }]],
    ['a boolean', { score: true }],
  ])('gives no score for the answer %s and is not retried', async (_, answer) => {
    const { origin, asked } = await start((response) => json(response, answer))
    expect(await run(runnerOf(origin), { url: origin })).toMatchObject({
      ...other,
      reason: 'the endpoint’s answer is not { "score": a finite number }',
    })
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['NaN', '{"score":NaN}'],
    ['a number that overflows', '{"score":1e999}'],
    ['a page', '<html>'],
    ['nothing', ''],
    ['two JSON values', '{"score":1}{"score":1}'],
    ['an oversized body', `{"score":1,"why":"${'x'.repeat(1_000)}"}`],
  ])('gives no score for the answer %s', async (_, body) => {
    const { origin, asked } = await start((response) => void response.end(body))
    expect(await run(runnerOf(origin), { url: origin })).toMatchObject(other)
    expect(asked).toHaveLength(1)
  })

  it.each([400, 401, 404, 408, 422])('is not retried after a %d', async (status) => {
    const { origin, asked } = await start((response) => json(response, { score: 1 }, status))
    expect(await run(runnerOf(origin), { url: origin })).toMatchObject({
      ...other,
      reason: `the endpoint gave no score: ${origin} answered ${status}`,
    })
    expect(asked).toHaveLength(1)
  })

  it('is retried after a 500, a broken connection and a 429, with growing pauses', async () => {
    const { origin, asked } = await start((response, _, count) => {
      if (count === 1) json(response, { score: 0 }, 500)
      else if (count === 2) response.socket?.resetAndDestroy()
      else if (count === 3) json(response, { score: 0 }, 429, { 'retry-after': '7' })
      else json(response, { score: 0.25 })
    })
    const runner = runnerOf(origin)
    expect(await run(runner, { url: origin })).toMatchObject({ score: 0.25, errors: graderErrors() })
    expect(asked).toHaveLength(4)
    expect(new Set(asked.map(({ body }) => body)).size).toBe(1)
    const [first = 0, second = 0, third = 0] = runner.waits
    expect(first).toBeGreaterThanOrEqual(75)
    expect(first).toBeLessThanOrEqual(125)
    expect(second).toBeGreaterThanOrEqual(150)
    expect(second).toBeLessThanOrEqual(250)
    expect(third).toBe(7_000)
  })

  it('gives no score after four tries and says that it did not answer', async () => {
    const { origin, asked, close } = await listen((response) => json(response, { score: 0 }, 503))
    expect(await run(runnerOf(origin), { url: origin })).toMatchObject({
      ...unresponsive,
      reason: `the endpoint did not answer: ${origin} answered 503, 4 times`,
    })
    expect(asked).toHaveLength(4)
    await close()
    const graded = await run(runnerOf(origin), { url: origin })
    expect(graded).toMatchObject(unresponsive)
    expect(graded.reason).toContain('ECONNREFUSED, 4 times')
  })

  it('is not retried when there is no time left', async () => {
    const { origin, asked } = await start((response) => json(response, { score: 0 }, 429, { 'retry-after': '301' }))
    const runner = runnerOf(origin)
    expect(await run(runner, { url: origin })).toMatchObject({
      ...unresponsive,
      reason: `the endpoint did not answer: ${origin} answered 429, and there is no time for another try`,
    })
    expect(asked).toHaveLength(1)
    expect(runner.waits).toEqual([])
  })

  it('gives no score if it does not answer in time', async () => {
    const { origin, asked } = await start(() => {})
    const all = await run(runnerOf(origin, { seconds: 0.2 }), { url: origin })
    expect(all).toMatchObject({ ...unresponsive, reason: 'the endpoint did not answer: no answer in 0.2 seconds' })
    const outbound = createOutbound({ allowed: readAllowedAddresses(origin), seconds: 0.2, maxBytes: 1_000 })
    const one = await run(runnerOf(origin, { outbound }), { url: origin })
    expect(one).toMatchObject(unresponsive)
    expect(one.reason).toContain('no complete answer')
    // The endpoint may still be working, so it is not asked again.
    expect(asked).toHaveLength(2)
  })

  it('is aborted with the grading, with its reason', async () => {
    const { origin, asked } = await start(() => {})
    const grading = new AbortController()
    const graded = run(runnerOf(origin), { url: origin }, subject, grading.signal)
    await expect.poll(() => asked).toHaveLength(1)
    const reason = new Error('the server stops')
    grading.abort(reason)
    await expect(graded).rejects.toBe(reason)
  })

  it('is not called at an address that is not in the list, or with an invalid header', async () => {
    const { origin, asked } = await start((response) => json(response, { score: 1 }))
    const refused = await run(runnerOf('https://graders.example.com'), { url: `${origin}/secret?code=secret` })
    expect(refused).toMatchObject({
      ...other,
      reason: `the endpoint gave no score: ${origin} is not in ALLOWED_ADDRESSES; add it there to allow it`,
    })
    const headers = { authorization: 'secret\r\nx: y' }
    const injected = await run(runnerOf(origin), { url: origin, headers })
    expect(injected).toMatchObject(other)
    expect(JSON.stringify([refused, injected])).not.toContain('secret')
    expect(asked).toEqual([])
  })
})

describe('the rate_limit of an endpoint grader', () => {
  it('spreads the requests to one address over all gradings and tries', async () => {
    const { origin, asked } = await start((response, _, count) => json(response, { score: 1 }, count === 1 ? 500 : 200))
    const runner = runnerOf(origin, { now: () => 0 })
    const limited = (path: string, rate_limit?: number) =>
      run(runner, { url: `${origin}${path}`, ...(rate_limit !== undefined && { rate_limit }) })
    await limited('/a?x=1', 4)
    // The pause after the 500 comes before its second slot.
    expect(runner.waits.splice(0).slice(1)).toEqual([250])
    await Promise.all([limited('/a?x=2', 4), limited('/a', 4), limited('/a', 10)])
    expect(runner.waits.splice(0)).toEqual([500, 750, 850])
    await Promise.all([limited('/b', 4), limited('/a')])
    expect(runner.waits).toEqual([])
    expect(asked).toHaveLength(7)
  })

  it('fails a grading at once if it leaves no time, and uses no slot of others', async () => {
    const { origin, asked } = await start((response) => json(response, { score: 1 }))
    const runner = runnerOf(origin, { now: () => 0, seconds: 3 })
    const slow = { url: origin, rate_limit: 0.5 }
    const graded = await Promise.all([run(runner, slow), run(runner, slow), run(runner, slow), run(runner, slow)])
    expect(graded.map(({ score }) => score)).toEqual([1, 1, null, null])
    expect(graded[3]).toMatchObject({
      ...unresponsive,
      reason: 'the endpoint did not answer: its rate_limit leaves no time for this grading',
    })
    expect(runner.waits).toEqual([2_000])
    expect(asked).toHaveLength(2)
  })

  it('is not waited for at an address that is not called', async () => {
    const runner = runnerOf('https://graders.example.com', { now: () => 0 })
    const grader = { url: 'https://evil.example/', rate_limit: 1 }
    expect(await Promise.all([run(runner, grader), run(runner, grader)])).toMatchObject([other, other])
    expect(runner.waits).toEqual([])
  })

  it('serves all requests in turn with a real clock too', async () => {
    const { origin, asked } = await start((response) => json(response, { score: 1 }))
    const outbound = createOutbound({ allowed: readAllowedAddresses(origin), seconds: 5, maxBytes: 1_000 })
    const runner = { endpoint: createEndpointRunner({ outbound, seconds: 10 }) }
    const grader = { url: origin, rate_limit: 50 }
    const graded = await Promise.all(Array.from({ length: 5 }, () => run(runner, grader)))
    expect(graded.map(({ score }) => score)).toEqual([1, 1, 1, 1, 1])
    expect(asked).toHaveLength(5)
  })
})

describe('an address of this server', () => {
  it('is answered in-process, without the network and the list', async () => {
    const asked: unknown[] = []
    const runner = runnerOf('https://graders.example.com', {
      local: (address) =>
        address === 'http://this-server.example/grade'
          ? async (request) => {
              asked.push(request)
              return Response.json({ score: asked.length === 1 ? 0 : 0.75 }, { status: asked.length === 1 ? 503 : 200 })
            }
          : undefined,
    })
    const headers = { authorization: 'Bearer k' }
    const graded = await run(runner, { url: 'http://this-server.example/grade', headers })
    expect(graded).toMatchObject({ score: 0.75, errors: graderErrors() })
    const body = { item: subject.item, sample: { ...subject.sample, output_json: { a: 1 } }, trace_id: 'trace_1' }
    expect(asked).toEqual([
      { body, headers, run: 'exp-7' },
      { body, headers, run: 'exp-7' },
    ])
    expect(await run(runner, { url: 'http://this-server.example/other' })).toMatchObject(other)
  })

  it('reports a missing score like any other address', async () => {
    const answering = (response: Response) => runnerOf('', { local: () => async () => response.clone() })
    const url = 'http://this-server.example/grade'
    expect(await run(answering(new Response('{}', { status: 404 })), { url })).toMatchObject({
      ...other,
      reason: 'the endpoint gave no score: this server answered 404',
    })
    expect(await run(answering(new Response('<html>')), { url })).toMatchObject(other)
    const busy = answering(new Response('{}', { status: 503, headers: { 'retry-after': '3' } }))
    expect(await run(busy, { url })).toMatchObject(unresponsive)
    expect(busy.waits).toEqual([3_000, 3_000, 3_000])
  })
})
