import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type Answer, answer, apiError, type Behaviour, verdict } from '../../../support/judge/model-server.ts'
import { serving } from '../../../support/judge/serving.ts'

const serve = serving()

/** One or more faults, then a verdict. */
const faulty =
  (...faults: readonly (Answer | ((by: Parameters<Behaviour>[2]) => void))[]): Behaviour =>
  (_, n, by) => {
    const fault = faults[n - 1]
    if (typeof fault !== 'function') return fault ?? verdict(0.5)
    fault(by)
    return undefined
  }

const passing: readonly [string, Behaviour][] = [
  ['a 408', faulty(apiError(408, 'slow'))],
  ['a 409', faulty(apiError(409, 'locked'))],
  ['a 429', faulty(apiError(429, 'too much', 'rate_limit_exceeded'))],
  ['a 429 more often than other faults', faulty(...Array.from({ length: 8 }, () => apiError(429, 'too much')))],
  ['four 5xx', faulty(apiError(500, 'x'), apiError(502, 'x'), answer(503, '<html>busy</html>'), apiError(529, 'x'))],
  ['a 400 that says that a retry may help', faulty(apiError(400, 'x', null, { 'x-should-retry': 'true' }))],
  ['a connection that is reset', faulty(({ socket }) => socket.resetAndDestroy())],
  [
    'half a body and a cut connection',
    faulty(({ response, socket }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"choices":[{"message":{"content":"{\\"score\\":1', () => socket.destroy())
    }),
  ],
]

describe('a judge', () => {
  it.each(passing)('is retried after %s', async (_, behave) => {
    const { server, ask } = await serve(behave)
    expect((await ask()).score).toBe(0.5)
    expect(server.requests.length).toBeGreaterThan(1)
  })

  it.each([
    ['5xx', faulty(...Array.from({ length: 9 }, () => apiError(500, 'x')))],
    [
      'resets',
      faulty(
        ...Array.from(
          { length: 9 },
          () =>
            ({ socket }: { socket: { destroy(): void } }) =>
              socket.destroy(),
        ),
      ),
    ],
  ])('that answers only with %s is given up after five tries', async (_, behave) => {
    const { server, ask } = await serve(behave)
    await expect(ask()).rejects.toMatchObject({ status: 503, code: 'judge_unavailable' })
    expect(server.requests).toHaveLength(5)
  })

  it('that is unreachable is given up, with the reason for the operator', async () => {
    const { server, ask } = await serve(() => undefined)
    await server.close()
    const error: unknown = await ask().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'judge_unavailable' })
    expect(String(error instanceof Error && error.cause)).toContain('ECONNREFUSED')
  })

  it('is not retried if the API says that a retry does not help', async () => {
    const { server, ask } = await serve(() => apiError(503, 'x', null, { 'x-should-retry': 'false' }))
    await expect(ask()).rejects.toMatchObject({ code: 'judge_refused' })
    expect(server.requests).toHaveLength(1)
  })

  const soon = () => new Date(Date.now() + 9_000).toUTCString()
  it.each([
    ['seconds', () => ({ 'retry-after': '7' }), 7_000, 7_000],
    ['milliseconds', () => ({ 'retry-after-ms': '400', 'retry-after': '9' }), 400, 400],
    ['a date', () => ({ 'retry-after': soon() }), 7_000, 9_000],
    ['nothing that can be read', () => ({ 'retry-after': 'a while', 'retry-after-ms': 'x' }), 75, 125],
  ])('is retried after the requested pause, in %s', async (_, headers, least, most) => {
    const waits: number[] = []
    const wait = async (milliseconds: number) => void waits.push(milliseconds)
    const faults = faulty(apiError(429, 'later', null, headers()), apiError(503, 'later', null, headers()))
    const { ask } = await serve(faults, { wait, pauseMs: 100 })
    expect((await ask()).score).toBe(0.5)
    expect(waits).toHaveLength(2)
    expect(waits[0]).toBeGreaterThanOrEqual(least)
    expect(waits[0]).toBeLessThanOrEqual(most)
  })

  it('that asks for a longer pause than the timeout is given up at once, with that pause in the error', async () => {
    const { server, ask } = await serve(() => apiError(429, 'tomorrow', null, { 'retry-after': '3600' }))
    await expect(ask()).rejects.toMatchObject({ code: 'judge_unavailable', retryAfterSeconds: 3600 })
    expect(server.requests).toHaveLength(1)
  })

  it('that is silent is asked again on another connection, and the first is closed', async () => {
    const { server, ask } = await serve((_, n) => (n === 1 ? undefined : verdict(0.5)), { trySeconds: 0.1 })
    expect((await ask()).score).toBe(0.5)
    expect(server.requests).toHaveLength(2)
    await expect.poll(() => server.open()).toBe(0)
  })

  it('that stops within its body is asked again, and the first request is closed', async () => {
    const half: Behaviour = (_, n, { response }) => {
      if (n > 1) return verdict(0.5)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"choices":')
      return undefined
    }
    const { server, ask } = await serve(half, { trySeconds: 0.1 })
    expect((await ask()).score).toBe(0.5)
    await expect.poll(() => server.open()).toBe(0)
  })

  it('that stays silent or busy times out', async () => {
    const silent = await serve(() => undefined, { timeoutSeconds: 0.2 })
    await expect(silent.ask()).rejects.toMatchObject({ status: 504, code: 'judge_timed_out' })
    const busy = await serve(() => apiError(429, 'too much'), { timeoutSeconds: 1, trySeconds: 20 })
    const error: unknown = await busy.ask().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ status: 504, code: 'judge_timed_out' })
    expect(String(error instanceof Error && error.cause)).toContain('HTTP 429 too much')
    // A request that was on its way at the timeout may still arrive.
    await sleep(200)
    const { length } = busy.server.requests
    await sleep(200)
    expect(busy.server.requests).toHaveLength(length)
  })

  it('is aborted with the grader, with the grader’s reason', async () => {
    const { server, judge } = await serve(() => undefined)
    const controller = new AbortController()
    const asked = judge({ prompt: 'p', answer: 'a' }, controller.signal)
    await expect.poll(() => server.open()).toBe(1)
    const reason = new Error('the grader is out of time')
    controller.abort(reason)
    await expect(asked).rejects.toBe(reason)
    await expect.poll(() => server.open()).toBe(0)
  })

  it('is not asked by a grader that has timed out', async () => {
    const { server, judge } = await serve(() => verdict(1))
    await expect(judge({ prompt: 'p', answer: 'a' }, AbortSignal.abort(new Error('over')))).rejects.toThrow('over')
    expect(server.requests).toHaveLength(0)
  })

  it('is aborted during a pause between two tries too', async () => {
    const { server, judge } = await serve(() => apiError(429, 'later', null, { 'retry-after': '1' }))
    const controller = new AbortController()
    const asked = judge({ prompt: 'p', answer: 'a' }, controller.signal)
    await expect.poll(() => server.requests.length).toBe(1)
    controller.abort(new Error('over'))
    await expect(asked).rejects.toThrow('over')
    await sleep(1_200)
    expect(server.requests).toHaveLength(1)
  })
})
