import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Ending, eventStream, piecesOf } from '../../../src/wires/ors/events.ts'
import { mayBegin, newSessionId } from '../../../src/wires/ors/ids.ts'

/** Reads a stream event by event. */
function reading(response: Response) {
  const reader = response.body?.getReader()
  const next = async () => {
    const read = await reader?.read()
    return read?.done === false ? new TextDecoder().decode(read.value) : undefined
  }
  return { next, leave: () => reader?.cancel() }
}

describe('the stream of a call', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('starts the work once the client has read the id, and never for a client that has left before', async () => {
    const work = vi.fn(async (): Promise<Ending> => ({ event: 'end', data: '{}' }))
    const left = reading(eventStream('T1', work))
    expect(await left.next()).toBe('event: task_id\ndata: T1\n\n')
    await left.leave()
    expect(work).not.toHaveBeenCalled()

    const stayed = reading(eventStream('T2', work))
    await stayed.next()
    expect(await stayed.next()).toBe('event: end\ndata: {}\n\n')
    expect(await stayed.next()).toBeUndefined()
    expect(work).toHaveBeenCalledOnce()
  })

  it('stays alive with a comment every ten seconds while the work runs', async () => {
    let finish = (_: Ending) => {}
    const stream = reading(
      eventStream(
        'T1',
        () =>
          new Promise((resolve) => {
            finish = resolve
          }),
      ),
    )
    await stream.next()
    for (let times = 0; times < 5; times += 1) {
      const next = stream.next()
      await vi.advanceTimersByTimeAsync(10_000)
      expect(await next).toBe(': keep-alive\n\n')
    }
    const last = stream.next()
    finish({ event: 'error', data: 'two\nlines' })
    expect(await last).toBe('event: error\ndata: two lines\n\n')
  })

  it('ends without a result when the work has none', async () => {
    const stream = reading(eventStream('T1', async () => undefined))
    await stream.next()
    expect(await stream.next()).toBeUndefined()
  })
})

describe('the pieces of a result', () => {
  it.each([
    ['a', 10_000],
    [' ', 10_000],
    ['😀', 5_000],
    ['\u2028 ', 5_000],
    ['\\"', 5_000],
  ])('of %j join to the same JSON after white space is stripped from the front of each', (text, times) => {
    const value = { text: text.repeat(times) }
    const pieces = piecesOf(JSON.stringify(value))
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(4_096)
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
    expect(JSON.parse(pieces.map((piece) => piece.trimStart()).join(''))).toEqual(value)
  })

  it('are 4096 characters long but for the last', () => {
    expect(piecesOf('x'.repeat(10_000)).map((piece) => piece.length)).toEqual([4_096, 4_096, 1_808])
  })
})

describe('a session id', () => {
  it('may begin a rollout for 15 minutes, on a replica whose clock differs too', () => {
    const now = Date.UTC(2026, 0, 1)
    const id = newSessionId(now)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const minutes = (n: number) => now + n * 60_000
    expect([0, 14, -2, 16, -16].map((n) => mayBegin(id, minutes(n)))).toEqual([true, true, true, false, false])
    expect(newSessionId(now)).not.toBe(id)
  })

  it.each(['', 'x', '2aefdfb0-8da5-4fb2-a73b-f4037799c06c'])('that was not handed out may not: "%s"', (id) => {
    expect(mayBegin(id, Date.now())).toBe(false)
  })
})
