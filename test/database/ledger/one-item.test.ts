import { sql as query } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { contentHash } from '../../../src/base/json.ts'
import type { CallRecord } from '../../../src/ledger/calls/call.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { defineGrader, defineTool, gate, gradingOf, keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const elsewhere = database.another()

const one = { question: 'one', answer: '7' }
const other = { question: 'other', answer: '8' }
const head = { description: 'Acts.', input: z.object({}) }
const code = 'rollout_has_another_item'

const grader = defineGrader({
  name: 'equals',
  version: '1',
  grade: ({ sample, reference }) => Number(sample.output_text === reference.answer),
})

const record = (rolloutId: string, callId: string, itemHash: string, item: unknown = { itemHash }): CallRecord => ({
  run: 'default',
  rolloutId,
  callId,
  tool: 't',
  arguments: {},
  itemHash,
  item,
  outcome: 'ok',
  output: '',
  code: null,
  startedAt: new Date(),
})

/** A tool for each kind of effects, and the items that they ran with. */
function toolsThatTell() {
  const ran: string[] = []
  const run = ({ task }: { readonly task: { readonly question: string } }) => {
    ran.push(task.question)
    return 'done'
  }
  const tools = [
    defineTool({ ...head, name: 'none', effects: 'none', run }),
    defineTool({ ...head, name: 'database', effects: 'database', run }),
    defineTool({ ...head, name: 'external', effects: 'external', run }),
  ]
  return { ran, tools }
}

const callsOf = (rollout: string) =>
  database.sql`select call_id, outcome from ledger.calls where rollout_id = ${rollout} order by seq`
const gradingsOf = (rollout: string) =>
  database.sql`select outcome, score from ledger.gradings where rollout_id = ${rollout}`

describe('a rollout that was recorded with one item', () => {
  it('is not graded with another one before its first grading: each request gets a 5xx and logs an error', async () => {
    const { tools } = toolsThatTell()
    const log = keepingLog()
    const app = testApp(database, { tools, graders: [grader], log })
    await post(app, '/tools/none', toolCall('none', 'graded', 'a', {}, other))
    for (const replica of [app, testApp(elsewhere, { graders: [grader], log })]) {
      const refused = await post(replica, '/grade', gradingOf('graded', '7', one))
      expect([refused.status, refused.body.error?.code, refused.body.score]).toEqual([500, code, undefined])
    }
    expect(log.lines).toMatchObject([1, 2].map(() => ({ level: 'error', facts: { code, rollout: 'graded' } })))
    expect((await post(app, '/grade', gradingOf('graded', '7', other))).body).toEqual({ score: 0 })
    expect(await gradingsOf('graded')).toEqual([{ outcome: 'scored', score: 0 }])
  })

  it.each(['none', 'database', 'external'])('runs no call with another one, with effects %s', async (name) => {
    const { ran, tools } = toolsThatTell()
    const log = keepingLog()
    const app = testApp(database, { tools, graders: [grader], log })
    const rollout = `calls-${name}`
    const path = `/tools/${name}`
    await post(app, path, toolCall(name, rollout, 'a', {}, one))
    for (const call of ['a', 'b']) {
      const refused = await post(app, path, toolCall(name, rollout, call, {}, other))
      expect([refused.status, refused.body.error?.code, refused.body.output]).toEqual([500, code, undefined])
    }
    expect(log.lines).toMatchObject([1, 2].map(() => ({ level: 'error', facts: { code, rollout } })))
    expect(ran).toEqual(['one'])
    expect(await callsOf(rollout)).toEqual([{ call_id: 'a', outcome: 'ok' }])
    expect((await post(app, path, toolCall(name, rollout, 'a', {}, one))).body.output).toBe('done')
    expect((await post(app, '/grade', gradingOf(rollout, '8', other))).body.error?.code).toBe(code)
    expect((await post(app, '/grade', gradingOf(rollout, '7', one))).body).toEqual({ score: 1 })
    expect(await gradingsOf(rollout)).toEqual([{ outcome: 'scored', score: 1 }])
  })

  it('records no refused and no failed call with another one', async () => {
    const broken = defineTool({
      ...head,
      name: 'broken',
      effects: 'none',
      run: () => {
        throw new Error('broken')
      },
    })
    const app = testApp(database, { tools: [broken], graders: [grader] })
    await post(app, '/tools/nothing', toolCall('nothing', 'refusals', 'first', {}, one))
    const unknown = await post(app, '/tools/nothing', toolCall('nothing', 'refusals', 'a', {}, other))
    const { call_id: _, ...unnamed } = toolCall('broken', 'refusals', '', {}, other)
    const failed = await post(app, '/tools/broken', unnamed)
    expect([unknown, failed].map(({ body }) => body.error?.code)).toEqual([code, code])
    expect(await callsOf('refusals')).toEqual([{ call_id: 'first', outcome: 'refused' }])
  })
})

describe('a rollout that was recorded without an item', () => {
  it('takes the first item of a call or a grading, and accepts no other afterwards', async () => {
    const { tools } = toolsThatTell()
    const app = testApp(database, { tools, graders: [grader] })
    const call = async (name: string, rollout: string, id: string, item: unknown) => {
      const { status, body } = await post(app, `/tools/${name}`, toolCall(name, rollout, id, {}, item))
      return body.error?.code ?? status
    }
    for (const name of ['none', 'database', 'external']) {
      const rollout = `bound-by-${name}`
      const codes = [
        await call(name, rollout, 'a', {}),
        await call(name, rollout, 'b', one),
        await call(name, rollout, 'c', other),
        await call(name, rollout, 'd', {}),
      ]
      expect(codes).toEqual([200, 200, code, 200])
      expect((await post(app, '/grade', gradingOf(rollout, '7', other))).body.error?.code).toBe(code)
    }
    await call('none', 'bound-by-grading', 'a', undefined)
    expect((await post(app, '/grade', gradingOf('bound-by-grading', '7', one))).body).toEqual({ score: 1 })
    // The grading has bound the attempt: another item begins the next one.
    expect((await post(app, '/grade', gradingOf('bound-by-grading', 'x', other))).body).toEqual({ score: 0 })
    const attempts = await database.sql`
      select attempt, count(distinct item_hash)::int as items from ledger.gradings
      where rollout_id = 'bound-by-grading' group by attempt order by attempt`
    expect([...attempts]).toEqual([1, 2].map((attempt) => ({ attempt, items: 1 })))
  })

  it('is graded with one of two concurrent items in each attempt', async () => {
    const there = testApp(elsewhere, { graders: [grader] })
    const here = testApp(database, { graders: [grader] })
    for (let n = 0; n < 10; n += 1) {
      const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
      await ledger.record(record(`bind-${n}`, 'a', contentHash({}), {}))
      const answers = await Promise.all([
        post(here, '/grade', gradingOf(`bind-${n}`, '7', one)),
        post(there, '/grade', gradingOf(`bind-${n}`, '7', other)),
        post(there, '/grade', gradingOf(`bind-${n}`, '8', n % 2 === 0 ? one : other)),
      ])
      const scored = answers.filter(({ status }) => status === 200)
      expect(scored.length).toBeGreaterThanOrEqual(1)
      const items = await database.sql`
        select count(distinct item_hash)::int as items from ledger.gradings where rollout_id = ${`bind-${n}`} group by attempt`
      expect(new Set(items.map((row) => row['items']))).toEqual(new Set([1]))
    }
  })
})

describe('two items of one rollout at the same time', () => {
  it('give one grading a score and the other a 5xx, on two replicas', async () => {
    const held = [gate(), gate()]
    const waiting = (n: number) =>
      defineGrader({
        name: 'equals',
        version: '1',
        async grade({ sample, reference }) {
          await held[n]?.pass()
          return Number(sample.output_text === reference.answer)
        },
      })
    const here = post(testApp(database, { graders: [waiting(0)] }), '/grade', gradingOf('both', '7', one))
    const there = post(testApp(elsewhere, { graders: [waiting(1)] }), '/grade', gradingOf('both', '7', other))
    await Promise.all(held.map(({ reached }) => reached))
    for (const { open } of held) open()
    const answers = await Promise.all([here, there])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 500])
    expect(answers.find(({ status }) => status === 500)?.body.error?.code).toBe(code)
    expect(await gradingsOf('both')).toHaveLength(1)
  })

  it('give one grading a score and the other a 5xx while neither can see the rollout of the other', async () => {
    const grade = (replica: Database, item: unknown) =>
      post(testApp(replica, { graders: [grader] }), '/grade', gradingOf('unseen', '7', item))
    // Another transaction holds the rollout's key until both gradings wait for it, and then rolls back.
    const { answers } = await database.sql.begin(async (holding) => {
      await holding`insert into rollouts (run, id, item_hash) values ('default', 'unseen', 'of nobody')`
      const answers = Promise.all([grade(database, one), grade(elsewhere, other)])
      await expect
        .poll(async () => {
          const [row] = await holding`select count(*)::int as count from pg_locks where not granted
              and database = (select oid from pg_database where datname = current_database())
              or not granted and locktype = 'transactionid'`
          return row?.['count']
        })
        .toBeGreaterThanOrEqual(2)
      await holding`delete from rollouts where id = 'unseen'`
      return { answers }
    })
    expect((await answers).map(({ status }) => status).sort()).toEqual([200, 500])
    expect(await gradingsOf('unseen')).toHaveLength(1)
  })

  it('record the calls of one of them, in one batch and on two replicas', async () => {
    const here = createLedger({ ...database, budget: undefined, now: Date.now })
    const there = createLedger({ ...elsewhere, budget: undefined, now: Date.now })
    const records = ['a', 'b', 'c', 'd'].map((call, n) => record('batch', call, n % 2 === 0 ? 'one' : 'other'))
    const batch = await Promise.allSettled(records.map((each) => here.record(each)))
    expect(batch.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
    // The batch begins with an item that is not the rollout's.
    const next = [record('batch', 'e', 'other'), record('batch', 'f', 'one')]
    const settled = await Promise.allSettled(next.map((each) => here.record(each)))
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    for (let n = 0; n < 20; n += 1) {
      const both = await Promise.allSettled([
        here.record(record(`race-${n}`, 'a', 'one')),
        there.record(record(`race-${n}`, 'b', 'other')),
      ])
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(await callsOf(`race-${n}`)).toHaveLength(1)
    }
    const seqs = await database.sql`select call_id, seq from ledger.calls where rollout_id = 'batch' order by seq`
    expect([...seqs]).toEqual(['a', 'c', 'f'].map((call_id, n) => ({ call_id, seq: n + 1 })))
  })

  it('roll back a database call whose rollout was recorded with another item while it ran', async () => {
    const held = gate()
    await database.sql`create table effects (thing text)`
    const tools = [
      defineTool({
        ...head,
        name: 'write',
        effects: 'database',
        async run({ tx }) {
          await tx.execute(query`insert into effects values ('written')`)
          await held.pass()
          return 'written'
        },
      }),
      defineTool({ ...head, name: 'read', effects: 'none', run: () => 'read' }),
    ]
    const running = post(testApp(database, { tools }), '/tools/write', toolCall('write', 'undone', 'a', {}, one))
    await held.reached
    const there = testApp(elsewhere, { tools })
    expect((await post(there, '/tools/read', toolCall('read', 'undone', 'b', {}, other))).body.output).toBe('read')
    held.open()
    expect((await running).body.error?.code).toBe(code)
    expect(await database.sql`select from effects`).toHaveLength(0)
    expect(await callsOf('undone')).toEqual([{ call_id: 'b', outcome: 'ok' }])
  })
})
