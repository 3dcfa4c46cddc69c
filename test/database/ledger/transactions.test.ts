import { sql as query } from 'drizzle-orm'
import { pgTable, text } from 'drizzle-orm/pg-core'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineGrader, defineTool, gate, gradingOf, open, post, testApp, toolCall } from '../../support/app.ts'
import { createTestDatabase, useDatabase } from '../../support/database.ts'

const database = useDatabase()

beforeAll(async () => {
  await database.sql`create table carts (thing text)`
})

const things = async () => (await database.sql<{ thing: string }[]>`select thing from carts`).map(({ thing }) => thing)
const carts = pgTable('carts', { thing: text('thing') })
const head = { name: 'buy', description: 'Buys.', input: z.object({ thing: z.string() }) }

describe('a tool with database effects', () => {
  it('commits what it writes, the state it changes and its record together', async () => {
    const buy = defineTool({
      ...head,
      effects: 'database',
      async run({ input, tx, state }) {
        await tx.execute(query`insert into carts values (${input.thing})`)
        state.notes.push(input.thing)
        return { bought: state.notes }
      },
    })
    const peek = defineTool({
      name: 'peek',
      description: 'Looks.',
      input: z.object({}),
      effects: 'none',
      run: async ({ readState }) => (await readState()).notes,
    })
    const graders = [
      defineGrader({ name: 'notes', version: '1', range: [0, 9], grade: ({ state }) => state.notes.length }),
    ]
    const app = testApp(database, { tools: [buy, peek], graders })
    await post(app, '/tools/buy', toolCall('buy', 'cart', 'a', { thing: 'apple' }))
    const second = await post(app, '/tools/buy', toolCall('buy', 'cart', 'b', { thing: 'pear' }))
    expect(second.body.output).toBe('{"bought":["apple","pear"]}')
    expect((await post(app, '/tools/peek', toolCall('peek', 'cart', 'c'))).body.output).toBe('["apple","pear"]')
    expect((await post(app, '/tools/peek', toolCall('peek', 'another', 'c'))).body.output).toBe('[]')
    expect((await post(app, '/grade', gradingOf('cart', ''))).body).toEqual({ score: 2 })
    expect(await things()).toEqual(['apple', 'pear'])
  })

  it('is rolled back if it refuses or fails', async () => {
    const buy = defineTool({
      ...head,
      effects: 'database',
      async run({ input, tx, state }) {
        await tx.execute(query`insert into carts values (${input.thing})`)
        state.notes.push(input.thing)
        if (input.thing === 'sold out') throw new ToolError('sold out')
        throw new Error('broken')
      },
    })
    const app = testApp(database, { tools: [buy] })
    expect((await post(app, '/tools/buy', toolCall('buy', 'none', 'a', { thing: 'sold out' }))).body.output).toBe(
      'sold out',
    )
    expect((await post(app, '/tools/buy', toolCall('buy', 'none', 'b', { thing: 'broken' }))).status).toBe(500)
    expect(await things()).not.toContain('sold out')
    expect(await things()).not.toContain('broken')
    expect(await database.sql`select state from rollouts where id = 'none'`).toMatchObject([{ state: null }])
  })

  it('sees the changes of parallel calls of its rollout one after the other', async () => {
    const buy = defineTool({
      ...head,
      effects: 'database',
      async run({ input, state }) {
        const seen = state.notes.length
        await new Promise((resolve) => setTimeout(resolve, 5))
        state.notes.push(input.thing)
        return seen
      },
    })
    const elsewhere = open(database.url)
    const apps = [testApp(database, { tools: [buy] }), testApp(elsewhere, { tools: [buy] })]
    const calls = Array.from({ length: 10 }, (_, n) =>
      post(apps[n % 2] ?? testApp(database), '/tools/buy', toolCall('buy', 'serial', `c${n}`, { thing: `t${n}` })),
    )
    const seen = (await Promise.all(calls)).map(({ body }) => Number(body.output))
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await elsewhere.close()
  })

  it('cannot write after its timeout, and then holds neither connection nor lock', async () => {
    const held = gate()
    const late: unknown[] = []
    const buy = defineTool({
      ...head,
      timeoutSeconds: 0.2,
      effects: 'database',
      async run({ input, tx }) {
        if (input.thing === 'quick') return 'ok'
        await held.pass()
        late.push(await tx.execute(query`insert into carts values ('zombie')`).catch((error: Error) => error.cause))
        return 'too late'
      },
    })
    const sleepy = defineTool({
      ...head,
      name: 'sleep',
      timeoutSeconds: 0.2,
      effects: 'database',
      async run({ tx }) {
        await tx.execute(query`select pg_sleep(30)`).catch((error: Error) => {
          late.push(error.cause)
          throw error
        })
        return 'too late'
      },
    })
    const small = open(database.url, 1)
    const app = testApp(small, { tools: [buy, sleepy] })
    const first = await post(app, '/tools/buy', toolCall('buy', 'zombie', 'a', { thing: 'slow' }))
    expect(first.body.error?.code).toBe('tool_timed_out')
    const asleep = await post(app, '/tools/sleep', toolCall('sleep', 'zombie', 'b', { thing: 'x' }))
    expect(asleep.body.error?.code).toBe('tool_timed_out')
    const next = await post(app, '/tools/buy', toolCall('buy', 'zombie', 'c', { thing: 'quick' }))
    expect(next.body.output).toBe('ok')
    held.open()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await things()).not.toContain('zombie')
    // Immediately and by the server, not by a Postgres timeout.
    const cancelled = { code: '57014', message: expect.stringContaining('user request') }
    expect(late).toMatchObject([cancelled, { code: 'TRANSACTION_ENDED' }])
    await small.close()
  })

  it('cannot write through a nested transaction or an earlier statement either', async () => {
    const [held, other] = [gate(), gate()]
    const late: Promise<unknown>[] = []
    const attempt = (statement: PromiseLike<unknown>) => {
      late.push(Promise.resolve(statement).catch((error: Error) => error.cause ?? error))
    }
    const undead = query`insert into carts values ('undead')`
    const buy = defineTool({
      ...head,
      timeoutSeconds: 0.2,
      effects: 'database',
      async run({ tx }) {
        const before = tx.execute(undead)
        const prepared = tx.insert(carts).values({ thing: 'undead' }).prepare('undead')
        return tx.transaction(async (nested) => {
          await nested.execute(query`select 1`)
          await held.pass()
          attempt(nested.execute(undead))
          attempt(nested.transaction((more) => more.execute(undead)))
          attempt(before)
          attempt(prepared.execute())
          throw new Error('would roll back to the savepoint')
        })
      },
    })
    const next = defineTool({
      ...head,
      name: 'next',
      effects: 'database',
      run: ({ tx }) =>
        tx.transaction(async (nested) => {
          await nested.execute(query`insert into carts values ('of the next call')`)
          await other.pass()
          return 'bought'
        }),
    })
    const small = open(database.url, 1)
    const app = testApp(small, { tools: [buy, next] })
    const first = await post(app, '/tools/buy', toolCall('buy', 'undead', 'a', { thing: 'slow' }))
    expect(first.body.error?.code).toBe('tool_timed_out')
    const second = post(app, '/tools/next', toolCall('next', 'another', 'a', { thing: 'x' }))
    await other.reached
    held.open()
    await vi.waitFor(() => expect(late).toHaveLength(4), 15_000)
    const ended = { code: 'TRANSACTION_ENDED' }
    expect(await Promise.all(late)).toMatchObject([ended, ended, ended, ended])
    other.open()
    expect((await second).body.output).toBe('bought')
    expect(await things()).toContain('of the next call')
    expect(await things()).not.toContain('undead')
    await small.close()
  })

  it('is rolled back if its connection is killed, and the retry takes effect once', async () => {
    const held = gate()
    let attempts = 0
    const buy = defineTool({
      ...head,
      effects: 'database',
      async run({ tx }) {
        attempts += 1
        await tx.execute(query`insert into carts values ('killed')`)
        if (attempts === 1) await held.pass()
        return 'bought'
      },
    })
    const app = testApp(database, { tools: [buy] })
    const call = toolCall('buy', 'killed', 'a', { thing: 'x' })
    const first = post(app, '/tools/buy', call)
    await held.reached
    await database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction'`
    expect((await first).status).toBe(503)
    held.open()
    const retry = await post(app, '/tools/buy', call)
    expect(retry.body.output).toBe('bought')
    await vi.waitFor(async () => expect((await things()).filter((thing) => thing === 'killed')).toHaveLength(1), 15_000)
  })

  it('does not delay the recording of other calls while it runs', async () => {
    const held = gate()
    const buy = defineTool({ ...head, effects: 'database', run: () => held.pass().then(() => 'bought') })
    const look = defineTool({ ...head, name: 'look', effects: 'none', run: () => 'seen' })
    const app = testApp(database, { tools: [buy, look] })
    const slow = post(app, '/tools/buy', toolCall('buy', 'both', 'a', { thing: 'x' }))
    await held.reached
    expect((await post(app, '/tools/look', toolCall('look', 'both', 'b', { thing: 'x' }))).body.output).toBe('seen')
    held.open()
    expect((await slow).body.output).toBe('bought')
    const rows = await database.sql`select call_id, seq from ledger.calls where rollout_id = 'both' order by seq`
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { call_id: 'b', seq: 1 },
      { call_id: 'a', seq: 2 },
    ])
  })
})

describe('a tool with external effects', () => {
  it('changes the state when its call is settled', async () => {
    const act = defineTool({
      ...head,
      name: 'act',
      effects: 'external',
      async run({ input, updateState, readState }) {
        updateState((state) => void state.notes.push(input.thing))
        return (await readState()).notes.length
      },
    })
    const app = testApp(database, { tools: [act] })
    const answers = [
      await post(app, '/tools/act', toolCall('act', 'outside', 'a', { thing: 'one' })),
      await post(app, '/tools/act', toolCall('act', 'outside', 'b', { thing: 'two' })),
    ]
    expect(answers.map(({ body }) => body.output)).toEqual(['0', '1'])
    expect(await database.sql`select state from rollouts where id = 'outside'`).toMatchObject([
      { state: { notes: ['one', 'two'] } },
    ])
  })
})

describe('a database call that Postgres rolls back because of a concurrent one', () => {
  it('alone runs again: two deadlocked calls are both answered', async () => {
    await database.sql`create table accounts (name text primary key, amount int)`
    await database.sql`insert into accounts values ('a', 0), ('b', 0)`
    const arrived = { a: gate(), b: gate() }
    let runs = 0
    const transfer = defineTool({
      name: 'transfer',
      description: 'Transfers.',
      input: z.object({ from: z.enum(['a', 'b']), to: z.enum(['a', 'b']) }),
      effects: 'database',
      async run({ input, tx }) {
        runs += 1
        await tx.execute(query`update accounts set amount = amount - 1 where name = ${input.from}`)
        await arrived[input.from].pass()
        await tx.execute(query`update accounts set amount = amount + 1 where name = ${input.to}`)
        return 'transferred'
      },
    })
    const app = testApp(database, { tools: [transfer] })
    const there = post(app, '/tools/transfer', toolCall('transfer', 'there', 'a', { from: 'a', to: 'b' }))
    const back = post(app, '/tools/transfer', toolCall('transfer', 'back', 'a', { from: 'b', to: 'a' }))
    await Promise.all([arrived.a.reached, arrived.b.reached])
    arrived.a.open()
    arrived.b.open()
    expect([(await there).body.output, (await back).body.output]).toEqual(['transferred', 'transferred'])
    expect(runs).toBe(3)
    expect(await database.sql`select distinct amount from accounts`).toEqual([{ amount: 0 }])
    const rows = await database.sql`select outcome, execution from ledger.calls where rollout_id in ('there', 'back')`
    expect([...rows]).toEqual([1, 2].map(() => ({ outcome: 'ok', execution: 1 })))
  })

  it('is answered, like calls without effects, if the default isolation is repeatable read', async () => {
    const other = await createTestDatabase()
    const name = new URL(other.url).pathname.slice(1)
    await database.sql`alter database ${database.sql(name)} set default_transaction_isolation = 'repeatable read'`
    const clients = [open(other.url), open(other.url)]
    const count = defineTool({
      ...head,
      name: 'count',
      effects: 'database',
      run: ({ state }) => `${state.notes.push('one')}`,
    })
    const read = defineTool({ ...head, name: 'read', effects: 'none', run: () => 'read' })
    const apps = clients.map((client) => testApp(client, { tools: [count, read], budget: undefined }))
    const call = (name: string, n: number) =>
      post(apps[n % 2] ?? testApp(database), '/tools', toolCall(name, 'many', `${name}${n}`, { thing: 'x' }))
    const ten = Array.from({ length: 10 }, (_, n) => n)
    const counts = Promise.all(ten.map((n) => call('count', n)))
    const reads = await Promise.all(ten.map((n) => call('read', n)))
    expect(reads.map(({ body }) => body.output)).toEqual(ten.map(() => 'read'))
    const outputs = (await counts).map(({ body }) => Number(body.output)).sort((a, b) => a - b)
    expect(outputs).toEqual(ten.map((n) => n + 1))
    await Promise.all(clients.map((client) => client.close()))
    await other.drop()
  })
})
