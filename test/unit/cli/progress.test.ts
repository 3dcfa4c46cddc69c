import { PassThrough } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { progressView } from '../../../src/cli/progress.ts'

it('is a bar on a terminal that starts where an earlier run ended, with its rate and the time left', async () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 120 })
  let text = ''
  terminal.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const view = progressView(terminal)
  const bar = view.bar('grading', 100, 40)
  await vi.waitFor(() => expect(text).toContain('40/100 · – · – left'))
  bar.set(80)
  await vi.waitFor(() => expect(text).toMatch(/grading █+░+ 80\/100 · [\d.]+\/s · \d+ s left/u))
  view.end()
})

it('is a line every two seconds without a terminal, so that quick work prints nothing', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const file = new PassThrough()
    const bar = progressView(file).bar('grading', 100, 40)
    bar.add(10)
    expect(file.read()).toBeNull()
    vi.advanceTimersByTime(2_000)
    bar.set(80, 'reward 0.5')
    bar.add(1)
    expect(String(file.read())).toBe('grading: 80 of 100, 20/s, 1 s left, reward 0.5\n')
  } finally {
    vi.useRealTimers()
  }
})
