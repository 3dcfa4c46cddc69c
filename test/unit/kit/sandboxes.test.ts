import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'

const environment = defineEnvironment({
  task: z.object({ repository: z.string() }),
  reference: z.object({}),
  state: z.object({}),
  sandboxes: {
    shell: { template: (task) => `repositories/${task.repository}`, memoryMb: 64 },
    browser: { template: 'chromium', network: true },
  },
})

it('the template of a sandbox is chosen by the item, and its limits have defaults', () => {
  const [shell, browser] = environment.sandboxes
  expect(shell?.templateFor({ repository: 'ledger' })).toEqual({ fits: true, template: 'repositories/ledger' })
  expect(shell?.templateFor({})).toMatchObject({ fits: false })
  expect(browser?.templateFor({})).toEqual({ fits: true, template: 'chromium' })
  expect(shell).toMatchObject({ network: false, memoryMb: 64, pids: 256, diskMb: 256 })
  expect(browser).toMatchObject({ network: true, memoryMb: 512 })
})

it('a tool gets the sandboxes that it names, and no others by type', async () => {
  const tool = environment.defineTool({
    name: 'run',
    description: 'Runs a command.',
    effects: 'external',
    input: z.object({ command: z.string() }),
    sandboxes: ['shell'],
    async run({ input, sandboxes, signal }) {
      // @ts-expect-error the tool does not name it
      if (sandboxes.browser !== undefined) return 'a browser'
      return (await sandboxes.shell.exec(['sh', '-c', input.command], { signal })).stdout
    },
  })
  expect(tool.sandboxes).toEqual(['shell'])
})

it('a tool or a grader that names an unknown sandbox is refused where it is defined', () => {
  const plain = defineEnvironment({ task: z.object({}), reference: z.object({}), state: z.object({}) })
  expect(() =>
    // @ts-expect-error the environment has no sandbox
    plain.defineGrader({ name: 'tests', version: '1', sandboxes: ['shell'], grade: () => 1 }),
  ).toThrow('the grader "tests" names the sandbox "shell"; the environment defines: none')
  expect(() =>
    environment.defineTool({
      name: 'run',
      description: 'Runs.',
      effects: 'external',
      input: z.object({}),
      // @ts-expect-error the environment has another one
      sandboxes: ['shel'],
      run: () => '',
    }),
  ).toThrow('the tool "run" names the sandbox "shel"; the environment defines: shell, browser')
})

it('an invalid name or limit of a sandbox is refused', () => {
  const parts = { task: z.object({}), reference: z.object({}), state: z.object({}) }
  const withShell = (more: object) => () =>
    defineEnvironment({ ...parts, sandboxes: { shell: { template: 'x', ...more } } })
  expect(withShell({ memoryMb: 0 })).toThrow('the sandbox "shell" has memoryMb 0; it must be a positive whole number')
  expect(withShell({ idleSeconds: 1.5 })).toThrow('idleSeconds 1.5')
  expect(() => defineEnvironment({ ...parts, sandboxes: { 'a-b': { template: 'x' } } })).toThrow(
    'invalid sandbox name "a-b"',
  )
})

it('a grader without the sandbox that it names makes the rollout ungradable', async () => {
  const grader = environment.defineGrader({
    name: 'tests',
    version: '1',
    sandboxes: ['shell'],
    grade: async ({ sandboxes }) => ((await sandboxes.shell.exec(['true'])).exitCode === 0 ? 1 : 0),
  })
  const opened = grader.open({ repository: 'ledger' })
  if (!opened.fits) throw new Error(opened.message)
  const context = { run: 'r', rolloutId: 'a', sample: { output_text: '' }, trajectory: [], stored: null }
  const services = { embed: undefined, judge: () => Promise.reject(new Error()), signal: new AbortController().signal }
  const db = Object.create(null)
  await expect(opened.run({ ...context, ...services, db })).rejects.toMatchObject({ code: 'no_sandbox', status: 500 })
})
