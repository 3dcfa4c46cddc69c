import { expect, it } from 'vitest'
import type { CommandOptions, CommandResult, Sandbox } from '../../../../src/kit/sandboxes.ts'
import { runFairly } from '../../../../src/kit/scoring/fair-command.ts'

const ended: CommandResult = {
  ...{ exitCode: 0, signal: null, stdout: '', stderr: '' },
  ...{ timedOut: false, truncated: false },
}
const late: CommandResult = { ...ended, exitCode: null, signal: 'SIGKILL', timedOut: true }

/** A provider's sandbox that answers one command after the other with these results. */
function sandboxOf(...results: readonly CommandResult[]) {
  const commands: { readonly argv: readonly string[]; readonly options: CommandOptions | undefined }[] = []
  const unused = () => Promise.reject(new Error('not asked for'))
  const sandbox: Sandbox = {
    async exec(argv, options) {
      const result = results[commands.push({ argv, options }) - 1]
      if (result === undefined) throw new Error('one command too many')
      return result
    },
    readFile: unused,
    writeFile: unused,
  }
  return { sandbox, commands }
}
const control = (took: string, used: string) => ({ ...ended, stdout: `1000.00 ${took}\n${used}\n0m0.00s 0m0.00s\n` })
const idle = control('1000.10', '0m0.100000s 0m0.000000s')
const busy = control('1001.50', '0m0.290000s 0m0.010000s')
const run = (sandbox: Sandbox) => runFairly(sandbox, ['node', 'a b'], { cpuSeconds: 5, input: 'x' })

it('a command that ends is run under its limit of processor time, after a short measurement', async () => {
  const { sandbox, commands } = sandboxOf(idle, { ...ended, stdout: 'done' })
  expect(await run(sandbox)).toMatchObject({ stdout: 'done' })
  expect(commands.map(({ argv }) => argv.slice(3))).toEqual([
    ['sh', '100000'],
    ['sh', '5', 'node', 'a b'],
  ])
  expect(commands[1]?.options).toEqual({ input: 'x', timeoutSeconds: 40 })
})

it('a command that is killed is a result', async () => {
  const killed = { ...ended, exitCode: 137, signal: 'SIGKILL' }
  expect(await run(sandboxOf(idle, killed).sandbox)).toEqual(killed)
})

it.each([
  ['1000.30', '0m0.290000s 0m0.010000s'],
  ['1001.50', '0m0.832s 0m0.003s'],
  ['1070.00', '1m5.1s 0m0.0s'],
])('a command that waits for ever on a machine with time is a result: %s, %s', async (took, used) => {
  const { sandbox, commands } = sandboxOf(idle, late, control(took, used))
  expect(await run(sandbox)).toEqual(late)
  for (const at of [0, 2]) {
    expect(commands[at]?.options).toMatchObject({ cwd: '/' })
    expect(commands[at]?.options?.input).toBeUndefined()
  }
})

it.each([
  ['is 5.0 times slower than it should be', idle, busy],
  ['is 5.0 times slower than it should be', busy, idle],
  ['does not run commands', idle, late],
  ['does not run commands', late, idle],
  ['does not run commands', idle, { ...ended, exitCode: 2 }],
  ['does not run commands', idle, { ...ended, stdout: 'what?' }],
])('a command that does not end on a machine that is too busy is ungradable: it %s', async (how, before, after) => {
  await expect(run(sandboxOf(before, late, after).sandbox)).rejects.toMatchObject({
    ...{ name: 'UngradableError', status: 503, code: 'sandbox_overloaded' },
    message: `a command of the grader did not end within 40 s, and the machine of the sandbox ${how}`,
  })
})
