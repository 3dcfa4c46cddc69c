import { describe, expect, it } from 'vitest'
import { ToolError } from '../../../../src/kit/errors.ts'
import { checkCommand, checkPath } from '../../../../src/runtime/sandbox/validation.ts'

const command = { argv: ['true'], timeoutSeconds: 30, maxOutputBytes: 1000 }

describe('a command', () => {
  it('may have odd arguments and long ones', () => {
    const argv = ['', ' ', "'", '\n', 'ü', '-n', 'x'.repeat(131_071)]
    expect(() => checkCommand({ ...command, argv, cwd: '/tmp', env: { _A1: '=', B: '' } })).not.toThrow()
  })

  it.each([
    ['no program', { argv: [] }, 'argv is empty'],
    ['no time', { timeoutSeconds: 0 }, 'timeoutSeconds is 0'],
    ['a timeout that is not a number', { timeoutSeconds: Number.NaN }, 'timeoutSeconds is NaN'],
    ['more time than a timer can have', { timeoutSeconds: 3_000_000 }, 'timeoutSeconds is 3000000'],
    ['half a byte of output', { maxOutputBytes: 0.5 }, 'maxOutputBytes is 0.5'],
    ['a variable without a name', { env: { '': 'x' } }, 'env has the invalid name ""'],
    ['a variable with an odd name', { env: { 'A=B': 'x' } }, 'env has the invalid name "A=B"'],
    ['a variable that begins with a digit', { env: { '1A': 'x' } }, 'env has the invalid name "1A"'],
  ])('with %s is its author’s error, which names the argument', (_, rest, message) => {
    expect(() => checkCommand({ ...command, ...rest })).toThrow(TypeError)
    expect(() => checkCommand({ ...command, ...rest })).toThrow(message)
  })

  it.each([
    ['a U+0000', { argv: ['echo', 'a\0b'] }, 'argument 1 of the command contains the character U+0000'],
    ['a U+0000 in a variable', { env: { A: '\0' } }, 'the variable A contains the character U+0000'],
    ['a long variable', { env: { A: 'x'.repeat(131_070) } }, 'the variable A has 131072 bytes and may have 131071'],
    ['a U+0000 in its folder', { cwd: 'a\0' }, 'the working folder contains the character U+0000'],
    ['a long folder', { cwd: 'x/'.repeat(2_100) }, 'the working folder has more than 4095 bytes'],
  ])('with %s is refused with a sentence', (_, rest, message) => {
    expect(() => checkCommand({ ...command, ...rest })).toThrow(ToolError)
    expect(() => checkCommand({ ...command, ...rest })).toThrow(message)
  })
})

it.each([
  ['', 'the path is empty'],
  ['a\0b', 'the path contains the character U+0000'],
  [`a/${'x'.repeat(256)}/b`, 'the path has a name of more than 255 bytes'],
  ['x/'.repeat(2_048), 'the path has more than 4095 bytes'],
])('a path that no file can have is refused: %j', (path, message) => {
  expect(() => checkPath('the path', path)).toThrow(ToolError)
  expect(() => checkPath('the path', path)).toThrow(message)
})
