import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterEach, describe, expect, it } from 'vitest'
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../../../src/postgres/embedded/embedded.ts'
import { findPostmaster } from '../../../src/postgres/embedded/postmaster.ts'
import type { EmbeddedEvent } from '../../../src/postgres/embedded/supervise.ts'
import { kill, logOf, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const isRoot = process.getuid?.() === 0
const folder = useFolder()
const started: Embedded[] = []
const servers: ServerProcess[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await kill(server)
  for (const embedded of started.splice(0)) await embedded.stop()
})

/** Starts the database of a clone and keeps what happens to it. */
async function start(
  clone: string,
  more: Partial<EmbeddedOptions> = {},
): Promise<{ embedded: Embedded; events: EmbeddedEvent[]; data: string }> {
  const events: EmbeddedEvent[] = []
  const options = { dir: join(folder, clone), bases: [join(folder, 'bases')], durable: false, ...more }
  const embedded = await startEmbedded({ ...options, onEvent: (event) => events.push(event) })
  started.push(embedded)
  return { embedded, events, data: join(embedded.where, 'data') }
}

function killPostmaster(data: string): number {
  const postmaster = findPostmaster(data)
  if (postmaster === undefined) throw new Error('no server runs')
  process.kill(postmaster.pid, 'SIGKILL')
  return postmaster.pid
}

const codesOf = (events: readonly EmbeddedEvent[]) => events.map(({ code }) => code)
const holders = (sql: postgres.Sql) => sql`select pid from pg_locks where locktype = 'advisory' and objid = 7720331`

describe('an embedded database that is killed', () => {
  it('is restarted at the same address each time, with its rows', async () => {
    const { embedded, events, data } = await start('killed', { durable: true })
    const sql = postgres(embedded.url, { max: 1, onnotice() {}, connect_timeout: 5 })
    await sql`create table kept as select 1 as a`
    for (let turn = 1; turn <= 3; turn += 1) {
      const pid = killPostmaster(data)
      await expect.poll(() => codesOf(events), { timeout: 15_000 }).toHaveLength(turn * 2)
      expect(findPostmaster(data)?.pid).not.toBe(pid)
      expect(await sql`select a from kept`).toEqual([{ a: 1 }])
    }
    expect(codesOf(events).slice(0, 2)).toEqual(['embedded_postgres_stopped', 'embedded_postgres_restarted'])
    await sql.end()
  }, 60_000)

  it('is restarted once for the processes that share it, and stopped by the last of them', async () => {
    const [first, second] = await Promise.all([start('shared'), start('shared')])
    killPostmaster(first.data)
    for (const { events } of [first, second]) {
      await expect.poll(() => codesOf(events)).toEqual(['embedded_postgres_stopped', 'embedded_postgres_restarted'])
    }
    expect(second.embedded.url).toBe(first.embedded.url)
    const sql = postgres(first.embedded.url, { max: 1 })
    expect(await holders(sql)).toHaveLength(2)
    await sql.end()
    await first.embedded.stop()
    expect(findPostmaster(first.data)).toBeDefined()
    await second.embedded.stop()
    expect(findPostmaster(first.data)).toBeUndefined()
    started.length = 0
  }, 60_000)

  it('is still in use by its process after one of its connections has crashed and all were closed', async () => {
    const { embedded, events, data } = await start('crashed')
    const postmaster = findPostmaster(data)
    const sql = postgres(embedded.url, { max: 1, onnotice() {} })
    const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
    process.kill(backend?.pid ?? 0, 'SIGKILL')
    await expect.poll(() => codesOf(events)).toEqual(['embedded_postgres_stopped', 'embedded_postgres_restarted'])
    expect(events[0]?.message).toContain('was terminated by signal 9')
    expect(findPostmaster(data)?.pid).toBe(postmaster?.pid)
    expect(await holders(sql)).toHaveLength(1)
    await sql.end()
  }, 60_000)

  it('does not stay behind when its process stops while it is being restarted', async () => {
    const { embedded, events, data } = await start('stopping')
    killPostmaster(data)
    await expect.poll(() => codesOf(events), { interval: 1 }).toContain('embedded_postgres_stopped')
    await embedded.stop()
    expect(findPostmaster(data)).toBeUndefined()
    started.length = 0
  }, 60_000)

  it('is not restarted forever: it has failed after too many restarts in five minutes', async () => {
    const { events, data } = await start('looping', { maxRestarts: 2 })
    for (let turn = 1; turn <= 3; turn += 1) {
      killPostmaster(data)
      await expect.poll(() => codesOf(events), { timeout: 20_000 }).toHaveLength(turn * 2)
    }
    expect(events.at(-1)?.code).toBe('embedded_postgres_failed')
    expect(events.at(-1)?.message).toContain('it stopped 2 times within five minutes')
    started.length = 0
  }, 180_000)
})

describe('a server whose embedded database stops', () => {
  async function startServer(dir: string): Promise<{ server: ServerProcess; url: string; data: string }> {
    const server = spawnServer(folder, { DATA_DIR: dir, PORT: '0' })
    servers.push(server)
    await expect.poll(() => server.written.out, { timeout: 60_000 }).toContain('listening on')
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(server.written.out)?.[0] ?? ''
    const place = /the embedded Postgres in ([^"]+)"/.exec(server.written.out)?.[1] ?? ''
    return { server, url, data: join(place, 'data') }
  }
  const statusOf = async (url: string) => (await fetch(url)).status

  it('says so, restarts it, and serves again', async () => {
    const { server, url, data } = await startServer(join(folder, 'served'))
    expect(await statusOf(`${url}/readyz`)).toBe(200)
    killPostmaster(data)
    await expect.poll(() => server.written.out, { timeout: 15_000 }).toContain('embedded_postgres_restarted')
    expect(server.written.out).toContain('embedded_postgres_stopped')
    await expect.poll(() => statusOf(`${url}/readyz`)).toBe(200)
  }, 120_000)

  it('exits with the reason from PostgreSQL’s log when it cannot be restarted', async () => {
    const { server, data } = await startServer(join(folder, 'broken'))
    appendFileSync(join(data, 'postgresql.conf'), '\nno_such_setting = 1\n')
    killPostmaster(data)
    expect(await server.ended).toBe(1)
    const reason = 'could not be restarted: unrecognized configuration parameter "no_such_setting"'
    expect(server.written.err).toContain(reason)
    const logged = logOf(server).find(({ code }) => code === 'embedded_postgres_failed')
    expect(logged?.msg).toContain(reason)
  }, 120_000)

  it.runIf(isRoot && canMount())(
    'exits with the reason when the disk is full',
    async () => {
      const disk = join(folder, 'disk')
      mkdirSync(disk)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m,mode=0711', 'tmpfs', disk])
      try {
        const { server, data } = await startServer(join(disk, 'clone', 'data'))
        expect(data).toContain(disk)
        const { bavail, bsize } = statfsSync(disk)
        execFileSync('dd', ['if=/dev/zero', `of=${join(disk, 'full')}`, `bs=${bsize}`, `count=${bavail}`], {
          stdio: 'ignore',
        })
        await writeUntilItStops(data)
        expect(await server.ended).toBe(1)
        expect(server.written.err).toContain('could not be restarted: No space left on device')
      } finally {
        execFileSync('umount', ['--lazy', disk])
      }
    },
    120_000,
  )
})

/** Fills the write-ahead log, whose next segment does not fit on the disk. */
async function writeUntilItStops(data: string): Promise<void> {
  const password = readFileSync(join(data, '..', 'password'), 'utf8')
  const sql = postgres(`postgres://scorekeeper:${password}@127.0.0.1:${findPostmaster(data)?.port}/postgres`, {
    max: 1,
  })
  try {
    for (;;) await sql`select pg_logical_emit_message(false, 'fill', repeat('x', 4000000))`
  } catch {
  } finally {
    await sql.end({ timeout: 0 })
  }
}

function canMount(): boolean {
  return spawnSync('unshare', ['--mount', 'true']).status === 0
}
