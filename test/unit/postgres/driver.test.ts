import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { load, postgres } from '../../../src/postgres/driver.ts'
import { repairs } from '../../../src/postgres/driver-repairs.ts'

const packageRoot = dirname(dirname(dirname(createRequire(import.meta.url).resolve('postgres'))))
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scorekeeper-driver-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A copy of the library in which one file reads differently. */
function libraryWith(file: string, change: (text: string) => string): string {
  const copy = mkdtempSync(join(folder, 'postgres-'))
  for (const part of ['package.json', 'cjs']) cpSync(join(packageRoot, part), join(copy, part), { recursive: true })
  const path = join(copy, 'cjs', 'src', file)
  writeFileSync(path, change(readFileSync(path, 'utf8')))
  return join(copy, 'cjs', 'src', 'index.js')
}

describe('postgres.js', () => {
  it('is pinned to the one version that its repairs were written for', () => {
    const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
    const manifest = z.object({ dependencies: z.record(z.string(), z.string()) }).parse(read('package.json'))
    const installed = z.object({ version: z.string() }).parse(read(join(packageRoot, 'package.json')))
    expect(manifest.dependencies['postgres']).toMatch(/^\d+\.\d+\.\d+$/)
    expect(installed.version).toBe(manifest.dependencies['postgres'])
  })

  it('loads with its repairs when each passage is found once', () => {
    expect(load(libraryWith('connection.js', String), repairs)).toBeTypeOf('function')
  })

  it.each(repairs.map((repair, index) => [index, repair] as const))(
    'is refused with the passage and the version when passage %i is missing, and when it is found twice',
    (_, { file, find }) => {
      for (const [text, count] of [
        ['', 0],
        [`${find}${find}`, 2],
      ] as const) {
        const entry = libraryWith(file, (source) => source.replace(find, () => text))
        const message = failureOf(() => load(entry, repairs))
        expect(message).toContain(`postgres.js 3.4.9 cannot be used: ${basename(file)} has ${count} passages, not one`)
        expect(message).toContain(find)
      }
    },
  )
})

describe('a connection of the driver', () => {
  it('sends at once, without waiting for acknowledgements', async () => {
    const asked: boolean[] = []
    const server = createServer((socket) => void socket.on('error', () => undefined)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = z.object({ port: z.number() }).parse(server.address())
    const setNoDelay = Socket.prototype.setNoDelay
    Socket.prototype.setNoDelay = function (on = true) {
      if (this.remotePort === port) asked.push(on)
      return setNoDelay.call(this, on)
    }
    const sql = postgres(`postgres://u@127.0.0.1:${port}/d`, { max: 1, connect_timeout: 1 })
    try {
      await expect(sql`select 1`).rejects.toThrow()
    } finally {
      Socket.prototype.setNoDelay = setNoDelay
      await sql.end({ timeout: 0 })
      server.close()
    }
    expect(asked).toEqual([true])
  })
})

function failureOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return String(error)
  }
  return 'it did not fail'
}
