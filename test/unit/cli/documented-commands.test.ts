import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../../src/cli/program.ts'
import { environment } from '../../environment/environment.ts'
import { graders } from '../../environment/graders/index.ts'
import { tools } from '../../environment/tools/index.ts'

const root = new URL('../../../', import.meta.url)
const pagesOf = (folder: string, name: RegExp) => {
  const place = new URL(folder, root)
  if (!existsSync(place)) return []
  const files = readdirSync(place, { recursive: true, encoding: 'utf8' })
  return files.filter((file) => name.test(file)).map((file) => `${folder}${file}`)
}
const pages = [
  ...['README.md', 'AGENTS.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...['docs/', 'starters/', 'example/'].flatMap((folder) => pagesOf(folder, /\.md$/)),
]

const program = createProgram({
  ...{ env: {}, fromFile: new Set<string>(), environment, tools, graders, players: [] },
  folder: new URL('../../environment/', import.meta.url),
  server: new URL('../../environment/server.ts', import.meta.url),
})

const written =
  /(?:npx scorekeeper|npm run (?:--silent )?(scorekeeper|grader|regrade|token|sql)(?: --)?|^ +scorekeeper) (.*)/

/** The words of every command in a text, from the name of the command on. */
function commandsIn(text: string): string[][] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .flatMap((line) => {
      const [, script = 'scorekeeper', rest] = written.exec(line) ?? []
      if (rest === undefined) return []
      const command = rest.replace(/`.*| #.*/, '').replaceAll(/"[^"]*"?|'[^']*'?/g, 'TEXT')
      const words = command.split(' ').filter((word) => word !== '')
      return [script === 'scorekeeper' ? words : [script, ...words]]
    })
}

/** What the program would refuse of a command: its name, an unknown option, or the value of one. */
function problemsOf([name, ...words]: readonly string[], command: CommandUnknownOpts): string[] {
  const inner = command.commands.find((one) => one.name() === name)
  if (inner !== undefined) return problemsOf(words, inner)
  if (command === program) return /^[a-z]/.test(name ?? '') && name !== 'help' ? [`no command ${name}`] : []
  return [name ?? '', ...words].flatMap((word, at) => {
    if (!word.startsWith('--') || word === '--help') return []
    const option = command.options.find(({ long }) => long === word)
    if (option === undefined) return [`${command.name()} has no ${word}`]
    const value = words[at]
    if (!(option.required && value !== undefined && /^[a-z0-9.,]+$/.test(value))) return []
    try {
      option.parseArg?.(value, option.defaultValue)
      return []
    } catch {
      return [`${word} is not ${value}`]
    }
  })
}

const helpOf = (command: CommandUnknownOpts): string => {
  let text = ''
  command.configureOutput({ writeOut: (more) => (text += more) }).outputHelp()
  return text + command.commands.map(helpOf).join('')
}

describe('a command', () => {
  it.each(pages)('in %s has options and values that the program accepts', (page) => {
    const commands = commandsIn(readFileSync(new URL(page, root), 'utf8'))
    expect(commands.flatMap((words) => problemsOf(words, program))).toEqual([])
  })

  it('in the examples of --help has options and values that the program accepts', () => {
    const commands = commandsIn(helpOf(program))
    expect(commands.length).toBeGreaterThan(20)
    expect(commands.flatMap((words) => problemsOf(words, program))).toEqual([])
  })

  it.each([
    ['npx scorekeeper simulate --faults all', 'simulate has no --faults'],
    ['npx scorekeeper simulate --fault all', '--fault is not all'],
    ['npm run scorekeeper -- datasets check', 'no command datasets'],
    ['npm run grader -- check finqa --item x', 'check has no --item'],
  ])('that is wrong, such as %s, is found', (line, problem) => {
    expect(commandsIn(line).flatMap((words) => problemsOf(words, program))).toEqual([problem])
  })
})
