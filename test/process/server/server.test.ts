import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TransactionSql } from 'postgres'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { noteLock } from '../../environment/tools/note.ts'
import { useDatabase } from '../../support/database.ts'
import { addressOf, kill, logOf, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const database = useDatabase({ poolSize: 2 })
const folder = useFolder()
let processes: ServerProcess[] = []

afterEach(async () => {
  await Promise.all(processes.map(kill))
  processes = []
})

/** Starts the server with these variables and the address of its database. */
function spawn(env: Record<string, string>, cwd = folder): ServerProcess {
  const server = spawnServer(cwd, { DATABASE_URL: database.url, PORT: '0', ...env })
  processes.push(server)
  return server
}

async function start(env: Record<string, string> = {}) {
  const server = spawn(env)
  return { ...server, url: await addressOf(server) }
}

const call = (callId: string, args: unknown) => ({
  ...{ type: 'function_call', id: `fc_${callId}`, call_id: callId, arguments: JSON.stringify(args) },
  ...{ trace_id: 'process', item: { messages: [], reference_answer: '94.0' } },
})

const postTo = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

/** Locks a table exclusively; returns the function that releases it. */
const lock = (table: string) => hold((tx) => tx`lock table ${tx(table)} in access exclusive mode`)

/** Holds the locks of a statement; returns the function that releases them. */
async function hold(statement: (tx: TransactionSql) => PromiseLike<unknown>): Promise<() => Promise<void>> {
  let release = () => {}
  let locked = () => {}
  const isLocked = new Promise<void>((resolve) => {
    locked = resolve
  })
  const held = database.sql.begin(async (tx) => {
    await statement(tx)
    locked()
    await new Promise<void>((resolve) => {
      release = resolve
    })
  })
  await Promise.race([isLocked, held])
  return async () => {
    release()
    await held
  }
}

const lockAwaited = () =>
  expect
    .poll(
      async () =>
        (
          await database.sql`
      select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`
        ).length,
      { timeout: 10_000 },
    )
    .toBeGreaterThan(0)

describe('the server process', () => {
  it('logs its address, serves a rollout over a socket, and stops gracefully on SIGTERM', async () => {
    const server = await start()
    const { url, child, written, ended } = server
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const ready = await fetch(`${url}/readyz`)
    expect([ready.status, ready.headers.get('keep-alive')]).toEqual([200, 'timeout=75'])
    const listed = await postTo(`${url}/tools/list`, call('a', { path: '' }))
    expect([listed.status, await listed.json()]).toMatchObject([200, { call_id: 'a', output: expect.any(String) }])
    const graded = await postTo(`${url}/grade`, {
      ...{ sample: { output_text: '94.0' }, trace_id: 'process' },
      item: { messages: [], reference_answer: '94.0' },
    })
    expect([graded.status, await graded.json()]).toEqual([200, { score: expect.any(Number) }])
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(written.err).toBe('')
    const [password = ''] = [new URL(database.url).password]
    if (password !== '') expect(written.out).not.toContain(password)
    const lines = logOf(server)
    expect(lines.some(({ level, msg }) => level === 'warn' && msg.startsWith('no key is configured'))).toBe(true)
    expect(lines.at(-1)?.msg).toContain('stopping')
  })

  it('finishes the running request on SIGTERM, accepts no other, and exits with 0', async () => {
    const { url, child, ended } = await start()
    // The record of the call waits for this lock, so that the request is known to run.
    const release = await lock('tool_calls')
    const running = postTo(`${url}/tools/list`, call('while-stopping', { path: '' }))
    await lockAwaited()
    child.kill('SIGTERM')
    const connect = () => fetch(`${url}/healthz`).then(String, () => 'refused')
    await expect.poll(connect).toBe('refused')
    expect(child.exitCode).toBeNull()
    await release()
    expect([(await running).status, await ended]).toEqual([200, 0])
    const rows = await database.sql`select outcome from ledger.calls where call_id = 'while-stopping'`
    expect(rows).toHaveLength(1)
  })

  it.each([
    ['its tool', 'note', { text: 'a' }, () => hold((tx) => tx`select pg_advisory_xact_lock(${noteLock})`)],
    ['its record', 'list', { path: '' }, () => lock('tool_calls')],
  ] as const)('gives up a call that still waits for %s when DRAIN_SECONDS are over', async (_, tool, args, held) => {
    const { url, child, ended } = await start({ DRAIN_SECONDS: '0.2' })
    const release = await held()
    const answer = postTo(`${url}/tools/${tool}`, call(`given-up-${tool}`, args))
    await lockAwaited()
    child.kill('SIGTERM')
    expect((await answer).status).toBe(503)
    await release()
    expect(await ended).toBe(0)
  })

  it('does not exit before it has recorded failures that the database does not have yet', async () => {
    const server = await start({ DRAIN_SECONDS: '0.2' })
    await database.sql`alter table tool_calls add constraint blocked check (call_id <> 'handed-in')`
    const answer = postTo(`${server.url}/tools/list`, call('handed-in', { path: '' }))
    await expect.poll(() => logOf(server).map(({ code }) => code)).toContain('failure_not_recorded')
    server.child.kill('SIGTERM')
    expect((await answer).status).toBe(503)
    // Longer than a stop that has nothing left to wait for.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(server.child.exitCode).toBeNull()
    await database.sql`alter table tool_calls drop constraint blocked`
    expect(await server.ended).toBe(0)
    const rows = await database.sql`select outcome from ledger.calls where call_id = 'handed-in'`
    expect([...rows]).toEqual([{ outcome: 'failed' }])
  })

  it('serves any caller with a key, on all addresses', async () => {
    const key = 'a-key-of-sixteen-characters'
    const { url, written } = await start({ HOST: '0.0.0.0', API_KEYS: key })
    const at = url.replace('0.0.0.0', '127.0.0.1')
    expect((await fetch(`${at}/tools`)).status).toBe(401)
    expect((await fetch(`${at}/tools`, { headers: { 'api-key': key } })).status).toBe(200)
    expect(written.out).not.toContain(key)
    expect(written.out).not.toContain('no key is configured')
  })
})

describe('the server process refuses to start', () => {
  it.each([
    ['a wrong variable', { PORT: 'eighty', LOG_LEVEL: 'loud' }, 'PORT was "eighty"; it must be a whole number'],
    ['no key on an address that others can reach', { HOST: '0.0.0.0' }, 'set API_KEYS, JWT_SECRET or JWT_JWKS_URL'],
    [
      'a port on which no database listens',
      { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/d' },
      'at 127.0.0.1:1, which DATABASE_URL names: connect ECONN',
    ],
    [
      'a host name with no database at any of its addresses',
      { DATABASE_URL: 'postgres://u:hunter2@localhost:1/d' },
      'at localhost:1, which DATABASE_URL names: connect ECONNREFUSED',
    ],
    ['an address of another machine', { HOST: '192.0.2.1', API_KEYS: 'a-key-of-sixteen-characters' }, 'HOST 192.0.2.1'],
  ])('with %s: a message and 1', async (_, env: Record<string, string>, message) => {
    const { written, ended } = spawn(env)
    expect(await ended).toBe(1)
    expect(written.err).toContain(message)
    expect(written.err).not.toMatch(/hunter2|^\s+at /m)
    expect(written.out).toBe('')
  })

  it('with a wrong variable in a .env file, which production does not read', async () => {
    const cwd = join(folder, 'with-settings')
    mkdirSync(cwd)
    writeFileSync(join(cwd, '.env'), 'LOG_LEVEL=loud\nHOST=192.0.2.1\n')
    const { written, ended } = spawn({ HOST: '127.0.0.1' }, cwd)
    expect([await ended, written.err]).toEqual([1, expect.stringMatching(/^LOG_LEVEL was "loud"; [^\n]*\n$/)])
    const production = spawn({ NODE_ENV: 'production', HOST: '192.0.2.1' }, cwd)
    expect([await production.ended, production.written.err]).toEqual([1, expect.stringMatching(/^HOST was/)])
  })

  it('when the port is taken: a message and 1', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = z.object({ port: z.number() }).parse(holder.address())
    const { written, ended } = spawn({ PORT: `${port}` })
    expect(await ended).toBe(1)
    expect(written.err).toMatch(new RegExp(`cannot listen on HOST 127.0.0.1, PORT ${port}: .*EADDRINUSE`))
    holder.close()
  })
})
