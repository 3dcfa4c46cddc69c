import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeDataDirectory } from '../../../src/postgres/embedded/place.ts'
import { kill, spawnServer } from '../../support/server-process.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

let folder: string

beforeAll(() => {
  folder = makeFolder()
})
afterAll(() => removeFolder(folder))

const unusable = (dir: string) =>
  `DATA_DIR was "${dir}"; it must be a directory that can be made and that this user may write to: `

/** Does something as a user who may not do everything, as root may. */
function asNobody<Result>(work: () => Result): Result {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65534)
  try {
    return work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

describe('DATA_DIR', () => {
  it('is made with its parents where it is missing', () => {
    const dir = join(folder, 'a', 'b')
    expect(makeDataDirectory(dir)).toBe(true)
    expect(existsSync(dir)).toBe(true)
    expect(makeDataDirectory(dir)).toBe(false)
  })

  it('is named, with what it was and should be, when it is a file or lies in one', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(() => makeDataDirectory(file)).toThrow(`${unusable(file)}${file} is not a directory`)
    expect(() => makeDataDirectory(join(file, 'x'))).toThrow(`${unusable(join(file, 'x'))}${file} is not a directory`)
  })

  it.runIf(existsSync('/proc/self'))('is named when nothing can be made there, and that at once', () => {
    expect(() => makeDataDirectory('/proc/x/y')).toThrow(`${unusable('/proc/x/y')}ENOENT`)
  })

  it('is named when this user may not make it', () => {
    const closed = join(folder, 'closed')
    mkdirSync(closed, { mode: 0o555 })
    const dir = join(closed, 'data')
    expect(() => asNobody(() => makeDataDirectory(dir))).toThrow(`${unusable(dir)}EACCES`)
  })

  it('that cannot be used ends the server with one line', async () => {
    const file = join(folder, 'server-file')
    writeFileSync(file, '')
    const server = spawnServer(folder, { DATA_DIR: file, PORT: '0' })
    expect(await server.ended).toBe(1)
    expect(server.written.err).toBe(`${unusable(file)}${file} is not a directory\n`)
    await kill(server)
  })
})
