import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { expectGrader } from '../../../../src/workbench/check-grader/expect-grader.ts'
import { openTrialSandboxes } from '../../../../src/workbench/check-grader/trial-sandboxes.ts'
import { noServices, tryAnswer } from '../../../../src/workbench/check-grader/try-answer.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()
for (const name of ['one', 'two', 'three']) {
  mkdirSync(join(folder, name))
  writeFileSync(join(folder, name, 'answer'), `the answer of ${name}`)
}
const { defineGrader } = defineEnvironment({
  task: z.object({ template: z.string() }),
  reference: z.object({ answer: z.string() }),
  state: z.object({}),
  sandboxes: { shell: { template: (task) => join(folder, task.template) } },
})
const grader = (script: string) =>
  defineGrader({
    name: 'in-a-sandbox',
    version: '1',
    sandboxes: ['shell'],
    async grade({ sample, sandboxes, signal }) {
      if (!sample.output_text.startsWith('the answer')) return 0
      const { stdout } = await sandboxes.shell.exec(['sh', '-c', script], { signal })
      await sandboxes.shell.writeFile('answer', 'spoilt')
      return stdout === sample.output_text ? 1 : 0
    },
  })
const reading = grader('cat answer')
const items = ['one', 'two', 'three'].map((template) => ({ template, answer: `the answer of ${template}` }))

const opened = await openTrialSandboxes(reading)
afterAll(async () => {
  if (typeof opened === 'object') await opened.close()
})

describe('a grader that names a sandbox', () => {
  it('is ungradable where none can be opened, with the reason', async () => {
    const services = { ...noServices(), sandboxes: 'bubblewrap is missing' }
    expect(await tryAnswer(reading, items[0], { output: 'the answer of one' }, services)).toEqual({
      kind: 'ungradable',
      message: 'the grader uses sandboxes (shell): bubblewrap is missing',
    })
  })

  if (typeof opened !== 'object') {
    it.skip(`cannot be tried on this machine: ${opened}`, () => undefined)
    return
  }
  const services = { ...noServices(), sandboxes: opened }

  it('gets one of its item’s template for each answer', async () => {
    for (const { template, answer } of [...items, ...items]) {
      const tried = await tryAnswer(reading, { template, answer }, { output: answer }, services)
      expect(tried).toMatchObject({ kind: 'scored', score: 1 })
    }
  })

  it('passes its check with sandboxes of this machine', { timeout: 60_000 }, async () => {
    const findings = await expectGrader(reading, { items, reference: 'answer' }).toPass()
    expect(findings.map(({ verdict }) => verdict)).not.toContain('fail')
  })

  it('is ungradable, never 0, if a sandbox fails', async () => {
    const missing = await tryAnswer(reading, { template: 'four', answer: '' }, { output: 'the answer' }, services)
    expect(missing).toMatchObject({ kind: 'ungradable', message: expect.stringContaining('is not a folder') })
  })
})
