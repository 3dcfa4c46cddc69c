import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeDataDirectory } from '../../../src/postgres/embedded/place.ts'
import { kill, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const folder = useFolder()

const unusable = (dir: string) =>
  `DATA_DIR was "${dir}"; it must be a directory that this user can create and write to: `

/** Runs work as an ordinary user, also when the tests run as root. */
function asOrdinaryUser<Result>(work: () => Result): Result {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65534)
  try {
    return work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

describe('DATA_DIR', () => {
  it('is created with its parents if it does not exist', () => {
    const dir = join(folder, 'a', 'b')
    expect(makeDataDirectory(dir)).toBe(true)
    expect(existsSync(dir)).toBe(true)
    expect(makeDataDirectory(dir)).toBe(false)
  })

  it('is named with its value and what it should be when it is a file or is inside one', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(() => makeDataDirectory(file)).toThrow(`${unusable(file)}${file} is not a directory`)
    expect(() => makeDataDirectory(join(file, 'x'))).toThrow(`${unusable(join(file, 'x'))}${file} is not a directory`)
  })

  it.runIf(existsSync('/proc/self'))('is named at once when nothing can be created there', () => {
    expect(() => makeDataDirectory('/proc/x/y')).toThrow(`${unusable('/proc/x/y')}ENOENT`)
  })

  it('is named when this user may not create it', () => {
    const closed = join(folder, 'closed')
    mkdirSync(closed, { mode: 0o555 })
    const dir = join(closed, 'data')
    expect(() => asOrdinaryUser(() => makeDataDirectory(dir))).toThrow(`${unusable(dir)}EACCES`)
  })

  it('ends the server with one line when it cannot be used', async () => {
    const file = join(folder, 'server-file')
    writeFileSync(file, '')
    const server = spawnServer(folder, { DATA_DIR: file, PORT: '0' })
    expect(await server.ended).toBe(1)
    expect(server.written.err).toBe(`${unusable(file)}${file} is not a directory\n`)
    await kill(server)
  })
})
