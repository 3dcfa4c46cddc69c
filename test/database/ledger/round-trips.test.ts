import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { sql as query } from 'drizzle-orm'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { beginningEarly } from '../../../src/postgres/drizzle-client.ts'
import { defineTool, open, post, testApp, toolCall } from '../../support/app.ts'
import { createTestDatabase } from '../../support/database.ts'

/** A proxy in front of a database that notes who speaks, and can change what the client says. */
async function startListeningProxy(target: string) {
  const url = new URL(target)
  const { hostname, port } = url
  const heard = { speakers: [] as ('client' | 'server')[], change: (bytes: Buffer): Buffer => bytes }
  const hear = (speaker: 'client' | 'server') => {
    if (heard.speakers.at(-1) !== speaker) heard.speakers.push(speaker)
  }
  const proxy = createServer((client) => {
    const server = connect(Number(port || 5432), hostname)
    client.on('data', (bytes) => {
      hear('client')
      server.write(heard.change(bytes))
    })
    server.on('data', (bytes) => {
      hear('server')
      client.write(bytes)
    })
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = z.object({ port: z.number() }).parse(proxy.address())
  onTestFinished(() => void proxy.close())
  url.host = `127.0.0.1:${address.port}`
  return { heard, url: url.href }
}

/** A database behind the proxy, with one connection for tools and one for the ledger. */
async function throughProxy() {
  const { url, drop } = await createTestDatabase()
  onTestFinished(drop)
  const proxy = await startListeningProxy(url)
  const through = open(proxy.url, 1)
  onTestFinished(through.close)
  return { ...through, heard: proxy.heard }
}

describe('a call with database effects', () => {
  it('takes two round trips, besides those of its tool', async () => {
    const through = await throughProxy()
    const note = defineTool({
      ...{ name: 'note', description: 'Notes.', input: z.object({ reads: z.number() }) },
      effects: 'database',
      async run({ input, state, tx }) {
        for (let read = 0; read < input.reads; read += 1) await tx.execute(query`select 1`)
        state.notes.push('x')
        return state.notes.length
      },
    })
    const app = testApp(through, { tools: [note] })
    const calls = [0, 0, 0, 0, 3]
    const trips: number[] = []
    for (const [n, reads] of calls.entries()) {
      through.heard.speakers = []
      const { body } = await post(app, '/tools/note', toolCall('note', 'trips', String(n), { reads }))
      expect(body.output).toBe(String(n + 1))
      trips.push(through.heard.speakers.filter((speaker) => speaker === 'client').length)
    }
    // The first calls prepare the statements.
    expect(trips.slice(3)).toEqual([2, 5])
  })
})

describe('a transaction that is sent together with its first statements', () => {
  it('rejects all later ones if its begin failed, and the connection can be used again', async () => {
    const through = await throughProxy()
    await through.sql`create table written (what text)`
    await through.db.execute(query`select 1`)
    const early = beginningEarly(through.db)
    through.heard.change = (bytes) => Buffer.from(bytes.toString('latin1').replace('begin', 'bogus'), 'latin1')
    let hasWritten = false
    const failing = early.transaction(async (tx) => {
      await tx.execute(query`select 1`)
      await tx.execute(query`insert into written values ('outside')`)
      hasWritten = true
    })
    await expect(failing).rejects.toThrow(/syntax error|Failed query/)
    through.heard.change = (bytes) => bytes
    expect(hasWritten).toBe(false)
    expect(await through.sql`select * from written`).toEqual([])
    await early.transaction(async (tx) => void (await tx.execute(query`insert into written values ('inside')`)))
    await expect(
      early.transaction(async (tx) => {
        await tx.execute(query`insert into written values ('rolled back')`)
        throw new Error('thrown away')
      }),
    ).rejects.toThrow('thrown away')
    expect(await through.sql`select what from written`).toMatchObject([{ what: 'inside' }])
    expect(
      await through.sql`select * from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()`,
    ).toEqual([])
  })

  it('shares its connections with others, one transaction at a time on each', async () => {
    const through = await throughProxy()
    await through.sql`create table counted (n int)`
    await through.sql`insert into counted values (0)`
    const early = beginningEarly(through.db)
    const one = (db: typeof early) =>
      db.transaction(async (tx) => {
        const [row] = z
          .array(z.object({ n: z.number(), tx: z.string() }))
          .parse(await tx.execute(query`select n, pg_current_xact_id()::text as tx from counted for update`))
        await tx.execute(query`update counted set n = ${(row?.n ?? 0) + 1}`)
        const [later] = z
          .array(z.object({ tx: z.string() }))
          .parse(await tx.execute(query`select pg_current_xact_id()::text as tx`))
        expect(later?.tx).toBe(row?.tx)
      })
    const plain = () => through.db.execute(query`select n from counted`)
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? plain() : one(n % 3 === 1 ? early : through.db))),
    )
    expect(await through.sql`select n from counted`).toMatchObject([{ n: 40 }])
  })
})
