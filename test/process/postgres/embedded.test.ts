import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { afterEach, describe, expect, it } from 'vitest'
import { isUnavailable, openDatabase } from '../../../src/postgres/database.ts'
import { findPackage, prepareBinaries } from '../../../src/postgres/embedded/binaries.ts'
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../../../src/postgres/embedded/embedded.ts'
import { chooseIdentity } from '../../../src/postgres/embedded/place.ts'
import { findPostmaster } from '../../../src/postgres/embedded/postmaster.ts'
import { run } from '../../../src/postgres/embedded/run.ts'
import { useFolder } from '../../support/temporary.ts'

const isRoot = process.getuid?.() === 0
const here = `${process.platform}-${process.arch}`
const folder = useFolder()
let processes: ChildProcess[] = []

afterEach(async () => {
  const running = processes.filter((child) => child.exitCode === null && child.signalCode === null)
  processes = []
  for (const child of running) child.kill('SIGTERM')
  await Promise.all(running.map((child) => once(child, 'exit')))
})

describe('the embedded database', () => {
  it('starts in a clone that only its user can enter, and says where the data are', async () => {
    const clone = makeClone('private')
    chmodSync(clone, 0o700)
    const embedded = await start(clone)
    const place = isRoot ? join(folder, 'bases') : join(clone, '.data')
    expect(embedded.where.startsWith(`${place}/`)).toBe(true)
    expect(lstatSync(embedded.where).mode & 0o777).toBe(0o700)
    expect(statSync(join(embedded.where, 'password')).mode & 0o777).toBe(0o600)
    expect(await ask(embedded.url)).toBe('on')
    await embedded.stop()
  })

  it('keeps the data in the clone if its user can enter it, and runs as the owner of the clone', async () => {
    const clone = makeClone('owned')
    const owner = isRoot ? someUser() : process.getuid?.()
    if (owner !== undefined) chownSync(clone, owner, process.getgid?.() ?? owner)
    const embedded = await start(clone)
    expect(embedded.where).toBe(join(clone, '.data', 'postgres'))
    expect(statSync(embedded.where).uid).toBe(owner)
    await embedded.stop()
  })

  it('accepts a directory that is relative to the working directory', async () => {
    const clone = makeClone('relative')
    const embedded = await start(relative(process.cwd(), clone))
    expect(isAbsolute(embedded.where)).toBe(true)
    expect(await ask(embedded.url)).toBe('on')
    await embedded.stop()
  })

  it('runs for two clones at once, also when port 5432 is in use', async () => {
    const server = createServer().on('error', () => {})
    server.listen(5432, '127.0.0.1')
    const clones = await Promise.all([start(makeClone('one')), start(makeClone('two'))])
    expect(new Set(clones.map(({ url }) => new URL(url).port))).toHaveProperty('size', 2)
    expect(new Set(clones.map(({ where }) => where))).toHaveProperty('size', 2)
    expect(await Promise.all(clones.map(({ url }) => ask(url)))).toEqual(['on', 'on'])
    await Promise.all(clones.map((embedded) => embedded.stop()))
    server.close()
  })

  it('refuses connections without the password, and listens on the loopback address alone', async () => {
    const embedded = await start(makeClone('closed'))
    const wrong = new URL(embedded.url)
    wrong.password = 'guess'
    await expect(ask(wrong.href)).rejects.toMatchObject({ code: '28P01' })
    const sql = postgres(embedded.url, { max: 1 })
    expect(
      await sql`select current_setting('listen_addresses') as tcp, current_setting('unix_socket_directories') as files`,
    ).toEqual([{ tcp: '127.0.0.1', files: embedded.where }])
    await sql.end()
    await embedded.stop()
  })

  it.skipIf(process.platform === 'win32')('has a Unix socket that only its user can reach', async () => {
    const embedded = await start(makeClone('socket'))
    const database = openDatabase({ url: embedded.socketUrl ?? '', poolSize: 1 })
    const [row] = await database.sql`select inet_client_addr() as address, current_user as name`
    expect(row).toEqual({ address: null, name: 'scorekeeper' })
    await database.close()
    expect(lstatSync(embedded.where).mode & 0o077).toBe(0)
    const { socketUrl = '' } = embedded
    const wrong = openDatabase({ url: socketUrl.replace(/:[^:@]+@/, ':guess@'), poolSize: 1 })
    await expect(wrong.sql`select 1`).rejects.toMatchObject({ code: '28P01' })
    await wrong.close()
    await embedded.stop()
    const stopped = openDatabase({ url: socketUrl, poolSize: 1 })
    expect(await stopped.sql`select 1`.catch((error: unknown) => error)).toSatisfy(isUnavailable)
    await stopped.close()
  })

  it('has no socket below a path that is too long for one', async () => {
    const embedded = await start(makeClone('l'.repeat(100)))
    expect(embedded.socketUrl).toBeUndefined()
    expect(await ask(embedded.url)).toBe('on')
    await embedded.stop()
  })

  it('starts without a socket where none can be made', async () => {
    const clone = makeClone('no-sockets')
    const before = await start(clone)
    await before.stop()
    mkdirSync(join(before.where, `.s.PGSQL.${new URL(before.url).port}.lock`))
    const embedded = await start(clone)
    expect(embedded.socketUrl).toBeUndefined()
    expect(embedded.url).toBe(before.url)
    expect(await ask(embedded.url)).toBe('on')
    await embedded.stop()
  })

  it('is one server for all processes that start it in one clone at the same time', async () => {
    const clone = makeClone('shared')
    const urls = await Promise.all([startProcess(clone), startProcess(clone)].map(({ lines }) => lines.next()))
    const more = await Promise.all(Array.from({ length: 4 }, () => start(clone)))
    expect(new Set([...urls.map(({ value }) => value), ...more.map(({ url }) => url)])).toHaveProperty('size', 1)
    await Promise.all(more.map((embedded) => embedded.stop()))
  })

  it('is stopped by the last process that releases it', async () => {
    const clone = makeClone('leaving')
    const [first, second] = await Promise.all([start(clone), start(clone)])
    await first.stop()
    expect(await ask(second.url)).toBe('on')
    await second.stop()
    await expect(ask(second.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(findPostmaster(join(second.where, 'data'))).toBeUndefined()
  })

  it('starts again for processes that arrive while it is being stopped', async () => {
    const clone = makeClone('crossing')
    let embedded = await start(clone)
    for (let round = 0; round < 3; round += 1) {
      const [next] = await Promise.all([start(clone), embedded.stop()])
      expect(await ask(next.url)).toBe('on')
      embedded = next
    }
    await embedded.stop()
  })

  it('keeps running after a SIGKILL of its process, is found again, and has every committed row', async () => {
    const clone = makeClone('killed')
    const { child, lines } = startProcess(clone, true)
    const { value: url } = await lines.next()
    const seen = await readWhile(lines, 200)
    child.kill('SIGKILL')
    const rows = [...seen, ...(await readWhile(lines, Number.POSITIVE_INFINITY))]
    const embedded = await start(clone)
    expect(embedded.url).toBe(url)
    expect(await missingOf(embedded.url, rows)).toEqual([])
    await embedded.stop()
  })

  it('has every committed row when the database server was killed as well', async () => {
    const clone = makeClone('crashed')
    const { child, lines } = startProcess(clone, true)
    await lines.next()
    const seen = await readWhile(lines, 200)
    const data = join(clone, '.data', 'postgres', 'data')
    const postmaster = findPostmaster(data)
    if (postmaster) process.kill(postmaster.pid, 'SIGKILL')
    child.kill('SIGKILL')
    const rows = [...seen, ...(await readWhile(lines, Number.POSITIVE_INFINITY))]
    const embedded = await start(clone)
    expect(findPostmaster(data)?.pid).not.toBe(postmaster?.pid)
    expect(await missingOf(embedded.url, rows)).toEqual([])
    await embedded.stop()
  })

  it('starts when another process has the process id of a dead server', async () => {
    const clone = makeClone('reborn')
    const { where } = await stopped(clone)
    writeFileSync(
      join(where, 'data', 'postmaster.pid'),
      `${process.pid}\n${where}/data\n0\n5432\n\n127.0.0.1\n\nready\n`,
    )
    const embedded = await start(clone)
    expect(await ask(embedded.url)).toBe('on')
    await embedded.stop()
  })

  it('refuses files of another version, and a directory of another user', async () => {
    const old = makeClone('old')
    const { where } = await stopped(old)
    writeFileSync(join(where, 'data', 'PG_VERSION'), '17\n')
    await expect(start(old)).rejects.toThrow('was made by PostgreSQL 17 and this is PostgreSQL 18')
    const strange = makeClone('strange')
    mkdirSync(join(strange, '.data'))
    symlinkSync(where, join(strange, '.data', 'postgres'))
    await expect(start(strange)).rejects.toThrow('is not a directory that belongs to user')
  })

  it('reports what its log says when it does not start', async () => {
    const clone = makeClone('broken')
    const { where } = await stopped(clone)
    appendFileSync(join(where, 'data', 'postgresql.conf'), '\nno_such_setting = 1\n')
    await expect(start(clone)).rejects.toThrow('unrecognized configuration parameter "no_such_setting"')
  })

  it('recommends DATABASE_URL when the platform has no binary', async () => {
    const start = startEmbedded({ dir: join(folder, 'nowhere', '.data'), platform: 'sunos-sparc' })
    await expect(start).rejects.toMatchObject({
      code: 'embedded_unavailable',
      message: expect.stringMatching(/Set DATABASE_URL/),
    })
  })

  it('recommends DATABASE_URL when the binary does not run', async () => {
    const root = join(folder, 'foreign')
    mkdirSync(join(root, 'native', 'bin'), { recursive: true })
    writeFileSync(join(root, 'native', 'bin', 'postgres'), 'for another machine', { mode: 0o755 })
    writeFileSync(join(root, 'package.json'), '{"version":"1.0.0"}')
    const prepared = prepareBinaries(root, await chooseIdentity(folder), [join(folder, 'bases')])
    await expect(prepared).rejects.toMatchObject({ code: 'embedded_unavailable' })
  })

  it('runs from a package whose install script was not allowed to run', async () => {
    const root = join(folder, 'bare')
    const source = findPackage(here)
    cpSync(source, root, { recursive: true, filter: (path) => !lstatSync(path).isSymbolicLink() })
    const links = readFileSync(join(source, 'native', 'pg-symlinks.json'), 'utf8')
    expect(links).toContain('libicuuc')
    const { initdb, major } = await prepareBinaries(root, await chooseIdentity(folder), [])
    expect(dirname(initdb)).toBe(join(root, 'native', 'bin'))
    expect(await run(initdb, ['--version'], undefined)).toMatchObject({ code: 0 })
    expect(major).toBe(18)
  })
})

/** The id of a named user other than root and nobody. */
function someUser(): number | undefined {
  const ids = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => Number(line.split(':')[2]))
  return ids.find((id) => id > 0 && id !== 65534)
}

function makeClone(name: string): string {
  const clone = join(folder, name)
  mkdirSync(clone)
  return clone
}

function optionsFor(clone: string): EmbeddedOptions & { bases: readonly string[] } {
  return { dir: join(clone, '.data'), bases: [join(folder, 'bases')] }
}

function start(clone: string): Promise<Embedded> {
  return startEmbedded(optionsFor(clone))
}

async function stopped(clone: string): Promise<Embedded> {
  const embedded = await start(clone)
  await embedded.stop()
  return embedded
}

function startProcess(clone: string, write = false): { child: ChildProcess; lines: AsyncIterator<string> } {
  const program = fileURLToPath(new URL('../../support/embedded-process.ts', import.meta.url))
  const args = ['--import', 'tsx', program, JSON.stringify({ ...optionsFor(clone), write })]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  processes.push(child)
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

async function readWhile(lines: AsyncIterator<string>, count: number): Promise<string[]> {
  const read: string[] = []
  while (read.length < count) {
    const { value, done } = await lines.next()
    if (done) break
    read.push(value)
  }
  return read
}

async function missingOf(url: string, ids: readonly string[]): Promise<string[]> {
  const sql = postgres(url, { max: 1 })
  const found = new Set((await sql<{ id: string }[]>`select id from written`).map(({ id }) => id))
  await sql.end()
  expect(found.size).toBeGreaterThanOrEqual(200)
  return ids.filter((id) => !found.has(id))
}

async function ask(url: string): Promise<string | undefined> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 })
  try {
    const [row] = await sql<{ fsync: string }[]>`select current_setting('fsync') as fsync`
    return row?.fsync
  } finally {
    await sql.end()
  }
}
