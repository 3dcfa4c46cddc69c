import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { describe, expect, it } from 'vitest'
import { learnCommand } from '../../../src/cli/trainer/learn.ts'
import { simulateCommand } from '../../../src/cli/trainer/simulate.ts'

/** A repository without agents and without a learner. */
const deps = { env: {}, server: 'server.ts', players: [] }

async function refusalOf(command: CommandUnknownOpts, args: readonly string[]) {
  let printed = ''
  command.exitOverride().configureOutput({ writeErr: (text) => (printed += text) })
  await expect(command.parseAsync(args, { from: 'user' })).rejects.toMatchObject({ exitCode: 2 })
  return printed
}

describe('without a module of its own', () => {
  it('simulate says to give --agents or --model, and where the example’s agents are', async () => {
    const refusal = await refusalOf(simulateCommand(deps), ['http://localhost:1', '--dataset', 'rows.jsonl'])
    expect(refusal).toMatch(/give --agents FILE, .*example\/agents\.ts; or --model NAME/)
  })

  it('learn says to give --learner, and where the example’s learner is', async () => {
    const args = ['http://localhost:1', '--dataset', 'train.jsonl', '--validation', 'dev.jsonl']
    expect(await refusalOf(learnCommand(deps), args)).toMatch(/give --learner FILE, .*example\/learner\.ts/)
  })
})
