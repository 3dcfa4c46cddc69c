import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql as fragment } from 'drizzle-orm'
import { jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, isUnavailable, openDatabase } from '../../../src/postgres/database.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'

const events = pgTable('events', { name: text('name').primaryKey(), at: timestamp('at'), detail: jsonb('detail') })

let testDatabase: TestDatabase
let database: Database

beforeAll(async () => {
  testDatabase = await createTestDatabase({ migrated: false })
  database = openDatabase({ url: testDatabase.url, poolSize: 3 })
  await database.sql`create table events (name text primary key, at timestamp, detail jsonb)`
})

afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

describe('a database', () => {
  it('accepts dates and JSON through raw SQL and through drizzle at the same time', async () => {
    const { sql, db } = database
    const at = new Date('2026-01-02T03:04:05.678Z')
    const writes = Array.from({ length: 100 }, (_, n) =>
      n % 2 === 0
        ? sql`insert into events values (${`raw ${n}`}, ${at}, ${sql.json({ n })})`
        : db.insert(events).values({ name: `drizzle ${n}`, at, detail: { n } }),
    )
    await Promise.all(writes)
    const [kinds] =
      await sql`select count(*)::int, count(distinct at)::int as times from events where detail->'n' is not null`
    expect(kinds).toEqual({ count: 100, times: 1 })
    expect(await db.select().from(events).where(eq(events.name, 'raw 4'))).toEqual([
      { name: 'raw 4', at, detail: { n: 4 } },
    ])
  })

  it('stores JSON that is bound as text once encoded, not twice', async () => {
    const json = JSON.stringify({ query: 'revenue' })
    const [row] =
      await database.sql`select jsonb_typeof(${json}::text::jsonb) as right, jsonb_typeof(${json}::jsonb) as wrong`
    expect(row).toEqual({ right: 'object', wrong: 'string' })
  })

  it('has none of the rows of a statement that failed in the answer to the next one', async () => {
    const single = openDatabase({ url: testDatabase.url, poolSize: 1 })
    await expect(single.sql`select 1 / (3 - n) from generate_series(1, 5) n`).rejects.toThrow('division by zero')
    expect(await single.sql`select 1 as one`).toEqual([{ one: 1 }])
    await single.close()
  })

  it('works without prepared statements, and with other client libraries’ parameters in its address', async () => {
    const url = `${testDatabase.url}?channel_binding=prefer&pgbouncer=true&schema=public&connect_timeout=3`
    const unprepared = openDatabase({ url, poolSize: 1, prepare: false, name: 'unprepared' })
    expect(await unprepared.sql`select current_setting('application_name') as name`).toEqual([{ name: 'unprepared' }])
    expect(await unprepared.sql`select count(*)::int from pg_prepared_statements`).toEqual([{ count: 0 }])
    await unprepared.close()
  })

  it('tells how many of its connections are in use, and how many transactions wait for one', async () => {
    const counted = openDatabase({ url: testDatabase.url, poolSize: 2 })
    expect(counted.usage().tools).toEqual({ size: 2, busy: 0, waiting: 0 })
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const work = Array.from({ length: 5 }, () => counted.db.transaction(() => held))
    await expect.poll(() => counted.usage().tools).toEqual({ size: 2, busy: 2, waiting: 3 })
    expect(counted.usage().ledger).toEqual({ size: 2, busy: 0, waiting: 0 })
    release()
    await Promise.all(work)
    await expect.poll(() => counted.usage().tools).toEqual({ size: 2, busy: 0, waiting: 0 })
    await counted.close()
  })

  it('never opens more connections than twice its pool size', async () => {
    const name = 'counted'
    const small = openDatabase({ url: testDatabase.url, poolSize: 2, name })
    const queries = Array.from({ length: 20 }, () => [
      small.sql`select pg_sleep(0.01)`,
      small.db.execute(fragment`select pg_sleep(0.01)`),
    ])
    const counted = small.sql<
      { count: number }[]
    >`select count(*)::int from pg_stat_activity where application_name = ${name}`
    const [[row]] = await Promise.all([counted, ...queries.flat()])
    expect(row?.count).toBeLessThanOrEqual(4)
    await small.close()
  })
})

describe('a database that is unavailable', () => {
  it('fails queries at once, and answers them as soon as it is available again', async () => {
    const proxy = await startProxy(testDatabase.url)
    const { sql, db, close } = openDatabase({ url: proxy.url, poolSize: 2 })
    await sql`select 1`
    await proxy.block()
    for (const query of [() => sql`select 1`, () => db.select().from(events), () => sql.begin((tx) => tx`select 1`)]) {
      expect(await failureOf(query())).toSatisfy(isUnavailable)
    }
    await proxy.unblock()
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
    expect(await db.execute(fragment`select 1 as one`)).toEqual([{ one: 1 }])
    await close()
    await proxy.block()
  })

  it('fails the queries that were running when it became unavailable', async () => {
    const proxy = await startProxy(testDatabase.url)
    const { sql, db, close } = openDatabase({ url: proxy.url, poolSize: 2 })
    const running = [
      failureOf(sql`select pg_sleep(60)`),
      failureOf(db.execute(fragment`select pg_sleep(60)`)),
      failureOf(sql.begin((tx) => tx`select pg_sleep(60)`)),
    ]
    await proxy.busy(3)
    await proxy.block()
    for (const error of await Promise.all(running)) expect(error).toSatisfy(isUnavailable)
    await proxy.unblock()
    for (const _again of [1, 2]) {
      const pause = () => [
        sql`select pg_sleep(0.05)`,
        sql`select pg_sleep(0.05)`,
        db.execute(fragment`select pg_sleep(0.05)`),
      ]
      expect(await Promise.all(pause())).toHaveLength(3)
    }
    await close()
    await proxy.block()
  })

  it('fails a query when the connection is accepted and nothing is ever sent', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { sql, close } = openDatabase({ url: `postgres://nobody@127.0.0.1:${portOf(silent)}/none`, poolSize: 1 })
    expect(await failureOf(sql`select 1`)).toSatisfy(isUnavailable)
    await close()
    silent.close()
  })

  it('fails a query when a proxy accepts the connection and closes it', async () => {
    const closing = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
    await once(closing, 'listening')
    const { sql, close } = openDatabase({ url: `postgres://nobody@127.0.0.1:${portOf(closing)}/none`, poolSize: 1 })
    const failures = await Promise.all([failureOf(sql`select 1`), failureOf(sql`select 2`)])
    for (const error of failures) expect(error).toSatisfy(isUnavailable)
    await close()
    closing.close()
  })

  it('fails a query when the connection is lost during its setup', async () => {
    const proxy = await startProxy(testDatabase.url, { fatal: 'typarray' })
    const { sql, db, close } = openDatabase({ url: proxy.url, poolSize: 1 })
    for (const query of [() => sql`select 1`, () => db.execute(fragment`select 1`)]) {
      expect(await failureOf(query())).toSatisfy(isUnavailable)
    }
    await close()
    await proxy.block()
  })

  it.each(['crashed', 'was stopped'])(
    'uses all its connections again after it %s three times under load',
    async (event) => {
      const proxy = await startProxy(testDatabase.url, { crashes: event === 'crashed' })
      const { sql, db, close } = openDatabase({ url: proxy.url, poolSize: 5 })
      const kinds = [
        () => sql`select 1`,
        () => db.execute(fragment`select 1`),
        () => sql.begin(async (tx) => [await tx`select 1`, await sleep(3), await tx`select 2`]),
        () =>
          db.transaction(async (tx) => {
            await tx.execute(fragment`select 1`)
            await sleep(3)
            await tx.execute(fragment`select 2`)
          }),
      ]
      let isOver = false
      const failures: unknown[] = []
      const clients = Array.from({ length: 60 }, async (_, n) => {
        for (const ask = kinds[n % kinds.length]; ask && !isOver; ) {
          await ask().then(undefined, (error: unknown) => failures.push(error))
        }
      })
      for (let round = 0; round < 3; round += 1) {
        await sleep(100)
        await proxy.block()
        await sleep(100)
        await proxy.unblock()
      }
      await sleep(600)
      isOver = true
      await Promise.all(clients)
      expect(failures.length).toBeGreaterThan(0)
      expect(failures.filter((error) => !isUnavailable(error))).toEqual([])
      const answers = Array.from({ length: 20 }, () => [
        sql`select pg_sleep(0.05)`,
        db.execute(fragment`select pg_sleep(0.05)`),
      ])
      expect(await Promise.all(answers.flat())).toHaveLength(40)
      await close()
      await proxy.block()
    },
  )

  it('fails queries on a reserved connection that was lost', async () => {
    const { sql, close } = openDatabase({ url: testDatabase.url, poolSize: 1 })
    const reserved = await sql.reserve()
    const [backend] = await reserved<{ pid: number }[]>`select pg_backend_pid() as pid`
    await database.sql`select pg_terminate_backend(${backend?.pid ?? 0})`
    await sleep(50) // until the client has noticed
    for (const query of [() => reserved`select 1`, () => reserved`select 2`]) {
      expect(await failureOf(query())).toSatisfy(isUnavailable)
    }
    await close()
  })

  it('uses all its connections again if a query was being sent when it became unavailable', async () => {
    const proxy = await startProxy(testDatabase.url, { crashes: false })
    const { sql, close } = openDatabase({ url: proxy.url, poolSize: 2 })
    const [one, other] = [await sql.reserve(), await sql.reserve()]
    // Both connections are lost at the same time; the first to fail uses the other one, which has not noticed yet.
    const failures = [
      failureOf(one`select pg_sleep(60)`.catch(() => other`select 1`)),
      failureOf(other`select pg_sleep(60)`.catch(() => one`select 1`)),
    ]
    await proxy.busy(2)
    await proxy.block()
    for (const error of await Promise.all(failures)) expect(error).toSatisfy(isUnavailable)
    await proxy.unblock()
    expect(await Promise.all([sql`select pg_sleep(0.05)`, sql`select pg_sleep(0.05)`])).toHaveLength(2)
    await close()
    await proxy.block()
  })

  it('never runs the remaining statements of a lost transaction outside of it', async () => {
    const proxy = await startProxy(testDatabase.url)
    const { sql, close } = openDatabase({ url: proxy.url, poolSize: 1 })
    await sql`create table if not exists stray (a int)`
    let later: unknown
    const lost = sql.begin(async (tx) => {
      await tx`insert into stray values (1)`
      await proxy.block()
      await proxy.unblock()
      await sql`select 1` // takes the connection that the transaction had
      later = await failureOf(tx`insert into stray values (2)`)
    })
    expect(await failureOf(lost)).toSatisfy(isUnavailable)
    await expect.poll(() => later).toSatisfy(isUnavailable)
    expect(await sql`select * from stray`).toEqual([])
    await close()
    await proxy.block()
  })

  it('is recognised by a connection that an administrator has terminated', async () => {
    const { sql } = database
    const ended = failureOf(sql.begin((tx) => tx`select pg_terminate_backend(pg_backend_pid())`))
    expect(await ended).toSatisfy(isUnavailable)
    await sleep(50) // until the pool has noticed
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('is not assumed after an invalid query, a violated constraint or an error of our own', async () => {
    const { sql, db } = database
    await sql`insert into events (name) values ('taken')`
    expect(await failureOf(sql`select nonsense`)).not.toSatisfy(isUnavailable)
    expect(await failureOf(sql`insert into events (name) values ('taken')`)).not.toSatisfy(isUnavailable)
    expect(await failureOf(db.insert(events).values({ name: 'taken' }))).not.toSatisfy(isUnavailable)
    for (const other of [new Error('ours'), undefined, 'ECONNREFUSED', { code: '57P01' }]) {
      expect(isUnavailable(other)).toBe(false)
    }
  })
})

async function failureOf(query: PromiseLike<unknown>): Promise<unknown> {
  try {
    await query
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}

interface Proxy {
  url: string
  /** Closes all connections and refuses new ones. */
  block(): Promise<void>
  /** Listens again on the same port. */
  unblock(): Promise<void>
  /** Waits until this many connections exist and their queries have had time to arrive. */
  busy(connections: number): Promise<void>
}

/**
 * A proxy between a client and the real server that makes the server unavailable and available again at the same address,
 * like a crash or a shutdown. It closes a connection on which a client sends `fatal`.
 */
async function startProxy(
  target: string,
  { fatal, crashes = true }: { fatal?: string; crashes?: boolean } = {},
): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(port || 5432), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    client.on('data', (chunk) => {
      if (fatal !== undefined && chunk.includes(fatal)) client.destroy()
    })
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ownPort = portOf(server)
  const url = new URL(target)
  url.host = `127.0.0.1:${ownPort}`
  return {
    url: url.href,
    async block() {
      server.close()
      for (const socket of sockets) crashes ? socket.resetAndDestroy() : socket.destroy()
      if (server.listening) await once(server, 'close')
    },
    async unblock() {
      server.listen(ownPort, '127.0.0.1')
      await once(server, 'listening')
    },
    async busy(connections) {
      while (sockets.size < connections * 2) await sleep(10)
      await sleep(200)
    },
  }
}
