import { sql as query } from 'drizzle-orm'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { defineGrader, defineTool, gate, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const elsewhere = database.another()

// A successful call can commit only once this lock is free, whichever statement writes it.
beforeAll(async () => {
  await database.sql`create table effects (call text)`
  await database.sql`
    create function wait_to_commit() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock_shared(4242); return null; end $$`
  await database.sql`
    create constraint trigger wait_to_commit after insert or update on tool_calls deferrable initially deferred
    for each row when (new.outcome = 'ok') execute function wait_to_commit()`
})

/** Prevents calls from committing until it is released. */
async function holdCommits() {
  const held = gate()
  const over = elsewhere.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(4242)`
    await held.pass()
  })
  await held.reached
  const letGo = async () => {
    held.open()
    await over
  }
  onTestFinished(letGo)
  return { letGo }
}

/** Counts the connections that wait for a lock. */
const waiting = async () =>
  (
    await elsewhere.sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  ).length

const head = { name: 'act', description: 'Acts.', input: z.object({}) }
const tools = {
  none: defineTool({ ...head, effects: 'none', run: () => 'done' }),
  database: defineTool({ ...head, effects: 'database', run: () => 'done' }),
  external: defineTool({ ...head, effects: 'external', run: () => 'done' }),
}

describe('a call that is being committed', () => {
  it.each(['none', 'database', 'external'] as const)(
    'is not answered before it is committed, with effects %s',
    async (effects) => {
      const commits = await holdCommits()
      let answered = 0
      const app = testApp(database, { tools: [tools[effects]] })
      const answer = post(app, '/tools/act', toolCall('act', `held-${effects}`, 'a')).finally(() => {
        answered += 1
      })
      await expect.poll(waiting, { timeout: 10_000 }).toBe(1)
      expect(answered).toBe(0)
      await commits.letGo()
      expect((await answer).body.output).toBe('done')
    },
  )

  it('is durable then, unless the operator configured otherwise: no connection lowers synchronous_commit', async () => {
    const setting = query`select source from pg_settings where name = 'synchronous_commit'`
    const ask = defineTool({
      ...head,
      effects: 'database',
      run: async ({ tx }) => (await tx.execute<{ source: string }>(setting)).map(({ source }) => source),
    })
    const app = testApp(database, { tools: [ask] })
    const inTransaction = await post(app, '/tools/act', toolCall('act', 'durable', 'a'))
    const [outside] = await database.sql`select source from pg_settings where name = 'synchronous_commit'`
    for (const told of [inTransaction.body.output, outside?.['source']]) {
      expect(told).toMatch(/default|configuration file|command line|database|user/)
    }
  })

  it('is recorded once if another replica records it at the same time, and both give the same answer', async () => {
    const reading = (output: string) => [defineTool({ ...head, effects: 'none', run: () => output })]
    const commits = await holdCommits()
    const call = toolCall('act', 'at-once', 'a')
    const first = post(testApp(database, { tools: reading('here') }), '/tools/act', call)
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1)
    const second = post(testApp(elsewhere, { tools: reading('there') }), '/tools/act', call)
    await expect.poll(waiting, { timeout: 10_000 }).toBe(2)
    await commits.letGo()
    expect([(await first).body.output, (await second).body.output]).toEqual(['here', 'here'])
    const rows = await database.sql`select seq, output from ledger.calls where rollout_id = 'at-once'`
    expect([...rows]).toEqual([{ seq: 1, output: 'here' }])
  })
})

describe('a call with database effects that cannot be recorded', () => {
  it('leaves neither effects nor state changes, and the retry makes both once', async () => {
    await database.sql`alter table tool_calls add constraint unwritable check (call_id <> 'unwritable' or outcome <> 'ok')`
    const write = defineTool({
      ...head,
      effects: 'database',
      async run({ tx, callId, state }) {
        await tx.execute(query`insert into effects values (${callId})`)
        state.notes.push('written')
        return 'written'
      },
    })
    const app = testApp(database, { tools: [write] })
    const left = async () => ({
      effects: (await database.sql`select from effects where call = 'unwritable'`).length,
      states: (await database.sql`select state from rollouts where id = 'unrecorded'`).map(({ state }) => state),
    })
    const call = toolCall('act', 'unrecorded', 'unwritable')
    expect((await post(app, '/tools/act', call)).status).toBe(500)
    expect(await left()).toEqual({ effects: 0, states: [null] })
    await database.sql`alter table tool_calls drop constraint unwritable`
    expect((await post(app, '/tools/act', call)).body.output).toBe('written')
    expect(await left()).toEqual({ effects: 1, states: [{ notes: ['written'] }] })
  })
})

describe('the same grading on two replicas at once', () => {
  it('is answered with the score that was recorded first, on both, and only that is kept', async () => {
    const held = gate()
    const grader = (grade: () => number | Promise<number>) => [defineGrader({ name: 'g', version: '1', grade })]
    const here = testApp(database, { graders: grader(() => held.pass().then(() => 0.1)) })
    const there = testApp(elsewhere, { graders: grader(() => 0.2) })
    const slow = post(here, '/grade', gradingOf('graded-at-once', 'x'))
    await held.reached
    const quick = await post(there, '/grade', gradingOf('graded-at-once', 'x'))
    held.open()
    expect([(await slow).body, quick.body]).toEqual([{ score: 0.2 }, { score: 0.2 }])
    const rows = await database.sql`select score from ledger.gradings where rollout_id = 'graded-at-once'`
    expect([...rows]).toEqual([{ score: 0.2 }])
  })
})
