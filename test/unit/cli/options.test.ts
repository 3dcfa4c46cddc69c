import { InvalidArgumentError } from '@commander-js/extra-typings'
import { describe, expect, it } from 'vitest'
import { graderCommand } from '../../../src/cli/grader-command.ts'
import { amount, nonEmpty, positive, share, someOf, wholeUpTo } from '../../../src/cli/options.ts'
import { type PreflightDeps, preflightCommand } from '../../../src/cli/trainer/preflight.ts'
import { simulateCommand } from '../../../src/cli/trainer/simulate.ts'

describe('the value of an option', () => {
  const fruit = someOf(['apple', 'pear'])
  it.each([
    ['an amount', amount, '0.5', 0.5],
    ['a positive number', positive, '0.001', 0.001],
    ['a share', share, '1', 1],
    ['a whole number up to 30', wholeUpTo(30), '30', 30],
    ['some of the words', fruit, 'pear,apple', ['pear', 'apple']],
    ['a text', nonEmpty, ' ', ' '],
  ])('is read as %s', (_, read, text, value) => expect(read(text)).toEqual(value))

  it.each([
    ['an amount', amount, ['', '-1', 'Infinity', 'NaN', 'much'], 'a number, 0 or more'],
    ['a positive number', positive, ['', '0', '-1', 'Infinity', 'much'], 'a number, more than 0'],
    ['a share', share, ['', ' ', '-0.1', '1.1', 'all'], 'a number from 0 to 1'],
    ['a whole number up to 30', wholeUpTo(30), ['', '0', '31', '1.5', '1e1'], 'a whole number from 1 to 30'],
    ['some of the words', fruit, ['plum', 'apple,plum'], 'some of apple, pear, separated by commas'],
    ['a text', nonEmpty, [''], 'not be empty'],
  ])('that is not %s is refused, and the error says what it must be', (_, read, texts, words) => {
    for (const text of texts) {
      expect(() => read(text)).toThrow(InvalidArgumentError)
      expect(() => read(text)).toThrow(words)
    }
  })
})

describe('an option out of its range is refused with its name, its value and what it must be', () => {
  const players = { env: {}, server: 'server.ts', players: [] }
  const server: PreflightDeps = {
    env: {},
    budget: undefined,
    readItem: () => ({ fits: true, task: {}, reference: {} }),
  }
  const graders = {
    env: {},
    settings: { read: () => ({ ok: true, settings: { env: {}, hidden: [] } }) as const },
    graders: [],
    tools: { open: async () => ({ tools: [], close: async () => {} }) },
    budget: undefined,
    jsonGraders: () => [],
    folder: '.',
  }
  const commandOf = (name: string) => {
    if (name === 'preflight') return preflightCommand(server)
    if (name === 'simulate') return simulateCommand(players)
    const [check = expect.fail('no command')] = graderCommand(graders).commands
    return check
  }
  it.each([
    ['preflight', '--timeout', '3601', 'a number, more than 0 and at most 3600'],
    ['preflight', '--range', '1,1', 'the least score, a comma, and a greater score'],
    ['preflight', '--range', '0,1,2', 'the least score, a comma, and a greater score'],
    ['preflight', '--most', '1.5', 'a number from 0 to 1'],
    ['simulate', '--prices', '1', 'the price of input, a comma, and the price of output'],
    ['simulate', '--fault', 'drop,rain', 'some of duplicate, overlap, slow, drop'],
    ['simulate', '--fault-share', '10', 'a number from 0 to 1'],
    ['grader check', '--threshold', '10', 'a number from 0 to 1'],
    ['grader check', '--near-misses', '10', 'a number from 0 to 1'],
  ])('%s %s %s', async (name, option, value, words) => {
    const command = commandOf(name)
    let printed = ''
    command.exitOverride().configureOutput({ writeErr: (text) => (printed += text) })
    const args = ['http://localhost:1', '--dataset', 'rows.jsonl', option, value]
    await expect(command.parseAsync(args, { from: 'user' })).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    })
    expect(printed).toContain(option)
    expect(printed).toContain(`argument '${value}' is invalid. It must be ${words}`)
  })
})
