import { PassThrough } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { progressView } from '../../../../src/workbench/regrade/progress.ts'

it('is a bar on a terminal that begins where an earlier run ended, with its rate and the time left', async () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 120 })
  let text = ''
  terminal.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const view = progressView(terminal, 40, 100)
  await vi.waitFor(() => expect(text).toContain('40/100 · – · – left'))
  view.show(80)
  view.end()
  await vi.waitFor(() => expect(text).toMatch(/grading {2}█+░+ 80\/100 · [\d.]+\/s · \d+ s left/u))
})
