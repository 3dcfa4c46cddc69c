import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { shareSignal, withDeadline, withLazyDeadline } from '../../../src/base/deadline.ts'
import { createAnswerTimeout } from '../../../src/core/answer-timeout.ts'

const late = () => new Error('late')
const never = new Promise<never>(() => undefined)

describe('work with a deadline', () => {
  it('gets a signal that is aborted with the reason, whether it was read before or after the time was up', async () => {
    const signals: AbortSignal[] = []
    let read: () => AbortSignal = () => new AbortController().signal
    const work = (signal: () => AbortSignal) => {
      signals.push(signal())
      read = signal
      return never
    }
    await expect(withLazyDeadline({ seconds: 0.01, late }, work)).rejects.toThrow('late')
    expect(signals.map(({ aborted, reason }) => [aborted, String(reason)])).toEqual([[true, 'Error: late']])
    const unread = withLazyDeadline({ seconds: 0.01, late }, (signal) => {
      read = signal
      return never
    })
    await expect(unread).rejects.toThrow('late')
    expect([read().aborted, String(read().reason)]).toEqual([true, 'Error: late'])
  })

  it('is aborted with the reason of a signal that it shares, also if that was aborted before', async () => {
    const stopping = new AbortController()
    const shared = shareSignal(stopping.signal)
    const running = [1, 2, 3].map(() => withDeadline({ seconds: 60, late, shared }, () => never))
    stopping.abort(new Error('stopping'))
    for (const work of running) await expect(work).rejects.toThrow('stopping')
    await expect(withDeadline({ seconds: 60, late, shared }, () => never)).rejects.toThrow('stopping')
  })

  it('adds one listener to a signal that it shares, and leaves nothing behind when it has ended', async () => {
    const stopping = new AbortController()
    const shared = shareSignal(stopping.signal)
    const ends: (() => void)[] = []
    const work = () => new Promise<void>((resolve) => ends.push(resolve))
    const running = Array.from({ length: 100 }, () => withDeadline({ seconds: 60, late, shared }, work))
    expect(getEventListeners(stopping.signal, 'abort')).toHaveLength(1)
    for (const end of ends) end()
    await Promise.all(running)
    let heard = 0
    shared.listen(() => {
      heard += 1
    })()
    stopping.abort()
    expect(heard).toBe(0)
  })
})

describe('an answer that is waited for', () => {
  it('fails shortly after the server began to stop, also if the wait began after that', async () => {
    const stopping = new AbortController()
    const answerInTime = createAnswerTimeout(60, shareSignal(stopping.signal))
    const before = answerInTime(late, never)
    stopping.abort(new Error('stopping'))
    const after = answerInTime(late, never)
    await expect(before).rejects.toThrow('stopping')
    await expect(after).rejects.toThrow('stopping')
  })
})
