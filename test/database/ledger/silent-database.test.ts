import { sql as query } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { type Database, isUnavailable, openDatabase } from '../../../src/postgres/database.ts'
import { defineGrader, defineTool, gradingOf, open, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { type HoldingProxy, startHoldingProxy } from '../../support/proxy.ts'

const home = useDatabase()
let elsewhere: Database
let proxy: HoldingProxy
let database: Database

beforeAll(async () => {
  elsewhere = open(home.url)
})

beforeEach(async () => {
  proxy = await startHoldingProxy(home.url)
  database = openDatabase({ url: proxy.url, poolSize: 2, name: 'silenced', silence: { sql: 0.5, db: 0.5 } })
})

afterEach(async () => {
  await proxy.close()
  await database.close()
})

afterAll(async () => {
  await elsewhere.close()
})

const failureOf = (asked: PromiseLike<unknown>) =>
  Promise.resolve(asked).then(
    () => 'answered',
    (error: unknown) => error,
  )

const storedOf = (rollout: string) =>
  elsewhere.sql`select seq, outcome, output, execution from ledger.calls where rollout_id = ${rollout}`

/** A tool that answers with the number of the run. */
function counting() {
  const counted = { runs: 0 }
  const tool = defineTool({
    name: 'read',
    description: 'Reads.',
    input: z.object({}),
    effects: 'none',
    run() {
      counted.runs += 1
      return `seen-${counted.runs}`
    },
  })
  return { counted, tool }
}

describe('a database that does not answer a statement', () => {
  it('loses only that connection, and the statement is cancelled on the server too', async () => {
    const { sql, db } = database
    const slow = [failureOf(sql`select pg_sleep(60)`), failureOf(db.execute(query`select pg_sleep(60)`))]
    for (const failure of await Promise.all(slow)) expect(failure).toSatisfy(isUnavailable)
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
    const asleep = () =>
      elsewhere.sql`select from pg_stat_activity where application_name = 'silenced' and query like '%pg_sleep%'
        and state = 'active'`
    await expect.poll(async () => (await asleep()).length, { timeout: 10_000 }).toBe(0)
  })

  it('keeps its connection as long as it sends data, however long the answer takes', async () => {
    const { sql } = database
    const busy = sql.begin(async (tx) => {
      for (let turn = 0; turn < 5; turn += 1) {
        await tx`select pg_sleep(0.2)`
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      return 'done'
    })
    expect(await busy).toBe('done')
  })

  it('fails all queries that wait for a connection together, not one after the other', async () => {
    proxy.hold('to client')
    const { sql, db } = database
    const waiting = Array.from({ length: 200 }, () => [
      failureOf(sql`select 1`),
      failureOf(db.transaction((tx) => tx.execute(query`select 1`))),
    ])
    for (const failure of await Promise.all(waiting.flat())) expect(failure).toSatisfy(isUnavailable)
    proxy.pass()
    await expect.poll(() => failureOf(sql`select 1`)).toBe('answered')
  })
})

describe('a call whose commit is unknown', () => {
  it('is answered from its record if only the database’s answer was lost', async () => {
    const { tool, counted } = counting()
    const app = testApp(database, { tools: [tool] })
    proxy.hold('to client', 'seen-1')
    const answer = await post(app, '/tools/read', toolCall('read', 'answer-lost', 'a'))
    expect(proxy.held).toBeGreaterThan(0)
    proxy.pass()
    expect([answer.status, answer.body.output]).toEqual([200, 'seen-1'])
    const retry = await post(app, '/tools/read', toolCall('read', 'answer-lost', 'a'))
    expect([retry.body.output, retry.headers.get('x-replayed'), counted.runs]).toEqual(['seen-1', 'true', 1])
    expect([...(await storedOf('answer-lost'))]).toEqual([{ seq: 1, outcome: 'ok', output: 'seen-1', execution: 1 }])
  })

  it('is found by its own statement when that runs again', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    proxy.hold('to client', 'seen-1')
    const call = {
      run: 'default',
      rolloutId: 'found',
      callId: 'a',
      tool: 'read',
      arguments: {},
      itemHash: 'hash',
      item: {},
    }
    const recorded = ledger.record({ ...call, outcome: 'ok', output: 'seen-1', code: null, startedAt: new Date() })
    await expect.poll(() => storedOf('found')).toHaveLength(1)
    proxy.pass()
    expect(await recorded).toMatchObject({ call: { seq: 1, outcome: 'ok', output: 'seen-1' }, replayed: true })
    expect([...(await storedOf('found'))]).toEqual([{ seq: 1, outcome: 'ok', output: 'seen-1', execution: 1 }])
  })

  it('counts one execution for one failed run, however often its record is written', async () => {
    const tool = defineTool({
      name: 'fails',
      description: 'Fails.',
      input: z.object({ word: z.string() }),
      effects: 'none',
      run: () => {
        throw new Error('broken')
      },
    })
    const app = testApp(database, { tools: [tool], limits: { holdSeconds: 15 } })
    const call = toolCall('fails', 'failed-once', 'a', { word: 'failure-1' })
    proxy.hold('to client', 'failure-1')
    const answer = post(app, '/tools/fails', call)
    await expect.poll(() => proxy.held).toBeGreaterThan(1)
    proxy.pass()
    expect((await answer).body.error?.code).toBe('tool_failed')
    const failed = { seq: 1, outcome: 'failed', output: '' }
    expect([...(await storedOf('failed-once'))]).toEqual([{ ...failed, execution: 1 }])
    // The record of a second run overwrites the first one.
    proxy.hold('to client', 'failure-1')
    const retry = post(app, '/tools/fails', call)
    const before = proxy.held
    await expect.poll(() => proxy.held).toBeGreaterThan(before + 1)
    proxy.pass()
    expect((await retry).status).toBeGreaterThanOrEqual(500)
    await expect.poll(async () => [...(await storedOf('failed-once'))]).toEqual([{ ...failed, execution: 2 }])
  })

  it('runs again if it was not committed, and a statement that arrives late changes nothing', async () => {
    const { tool, counted } = counting()
    const app = testApp(database, { tools: [tool] })
    proxy.hold('to server', 'seen-1')
    const first = await post(app, '/tools/read', toolCall('read', 'late', 'a'))
    expect([first.status, first.body.error?.code]).toEqual([503, 'database_unavailable'])
    expect(Number(first.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(proxy.held).toBeGreaterThan(0)
    proxy.pass()
    const retry = await post(app, '/tools/read', toolCall('read', 'late', 'a'))
    expect([retry.status, retry.body.output, counted.runs]).toEqual([200, 'seen-2', 2])
    const stored = [...(await storedOf('late'))]
    await proxy.release()
    expect([...(await storedOf('late'))]).toEqual(stored)
    expect(stored).toEqual([{ seq: 1, outcome: 'ok', output: 'seen-2', execution: 2 }])
    const again = await post(app, '/tools/read', toolCall('read', 'late', 'a'))
    expect([again.body.output, again.headers.get('x-replayed'), counted.runs]).toEqual(['seen-2', 'true', 2])
  })

  it('is recorded once, whether it or the failure in the answer is written first', async () => {
    const { tool, counted } = counting()
    const app = testApp(database, { tools: [tool] })
    proxy.hold('to server', 'seen-1')
    const first = await post(app, '/tools/read', toolCall('read', 'late-first', 'a'))
    expect(first.status).toBe(503)
    proxy.pass()
    await proxy.release()
    const retry = await post(app, '/tools/read', toolCall('read', 'late-first', 'a'))
    expect([retry.status, retry.body.output]).toEqual([200, `seen-${counted.runs}`])
    expect([...(await storedOf('late-first'))]).toMatchObject([{ seq: 1, outcome: 'ok', output: retry.body.output }])
  })
})

describe('a tool in whose transaction the database stops answering', () => {
  it('holds no connection after its timeout, and its writes are rolled back', async () => {
    await elsewhere.sql`create table written (what text)`
    const write = defineTool({
      name: 'write',
      description: 'Writes.',
      input: z.object({ what: z.string() }),
      timeoutSeconds: 0.2,
      effects: 'database',
      async run({ input, tx }) {
        await tx.execute(query`insert into written values (${input.what})`)
        await tx.execute(query`select ${`after ${input.what}`}::text`)
        return input.what
      },
    })
    const small = openDatabase({ url: proxy.url, poolSize: 1, silence: { sql: 0.5, db: 60 } })
    const app = testApp(small, { tools: [write] })
    proxy.hold('to client', 'after one')
    const first = await post(app, '/tools/write', toolCall('write', 'silent', 'a', { what: 'one' }))
    expect(first.status).toBeGreaterThanOrEqual(500)
    expect(proxy.held).toBeGreaterThan(0)
    proxy.pass()
    const next = await post(app, '/tools/write', toolCall('write', 'silent', 'b', { what: 'two' }))
    expect(next.body.output).toBe('two')
    const retry = await post(app, '/tools/write', toolCall('write', 'silent', 'a', { what: 'one' }))
    expect(retry.body.output).toBe('one')
    expect((await elsewhere.sql`select what from written order by what`).map(({ what }) => what)).toEqual([
      'one',
      'two',
    ])
    await small.close()
  })
})

describe('a grading whose commit is unknown', () => {
  it('is recorded once, with a score or without', async () => {
    const graders = [
      defineGrader({
        name: 'some',
        version: '1',
        grade: ({ sample }) => {
          if (sample.output_text === 'broken-1') throw new Error('broken')
          return 1
        },
      }),
    ]
    const app = testApp(database, { graders })
    const rows = (rollout: string) => elsewhere.sql`select outcome from ledger.gradings where rollout_id = ${rollout}`
    for (const [word, outcome] of [['broken-1', 'failed'] as const, ['scored-1', 'scored'] as const]) {
      const before = proxy.held
      proxy.hold('to client', word)
      const answer = post(app, '/grade', gradingOf(outcome, word))
      await expect.poll(() => proxy.held).toBeGreaterThan(before + 1)
      proxy.pass()
      expect((await answer).status).toBe(outcome === 'scored' ? 200 : 500)
      expect(await rows(outcome)).toEqual([{ outcome }])
    }
  })
})
