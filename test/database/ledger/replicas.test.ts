import { sql as query } from 'drizzle-orm'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { defineGrader, defineTool, gate, gradingOf, open, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const elsewhere = database.another()

beforeAll(async () => {
  await database.sql`create table effects (call text)`
})

const head = { name: 'act', description: 'Acts.', input: z.object({}) }
const outcomes = async (rollout: string) =>
  (
    await database.sql<{ outcome: string; execution: number }[]>`
      select outcome, execution from ledger.calls where rollout_id = ${rollout} order by seq`
  ).map((row) => ({ ...row }))

describe('two replicas that get the same call at once', () => {
  it('run a tool with external effects on one of them, and the other waits for its answer', async () => {
    const held = gate()
    const runs: string[] = []
    const acting = (where: string) =>
      defineTool({
        ...head,
        effects: 'external',
        async run() {
          runs.push(where)
          await held.pass()
          return `acted ${where}`
        },
      })
    const here = testApp(database, { tools: [acting('here')] })
    const there = testApp(elsewhere, { tools: [acting('there')] })
    const call = toolCall('act', 'external-twice', 'a')
    const first = post(here, '/tools/act', call)
    await held.reached
    const second = post(there, '/tools/act', call)
    await vi.waitFor(async () => expect(await waitingLookups()).toBeGreaterThan(0), 15_000)
    held.open()
    expect((await first).body.output).toBe('acted here')
    expect((await second).text).toBe((await first).text)
    expect(runs).toEqual(['here'])
  })

  it('run a tool with database effects on one of them: the other waits for the lock and finds the record', async () => {
    const held = gate()
    let runs = 0
    const tool = defineTool({
      ...head,
      effects: 'database',
      async run({ tx, callId }) {
        runs += 1
        await tx.execute(query`insert into effects values (${callId})`)
        await held.pass()
        return 'written'
      },
    })
    const call = toolCall('act', 'database-twice', 'once-only')
    const first = post(testApp(database, { tools: [tool] }), '/tools/act', call)
    await held.reached
    const second = post(testApp(elsewhere, { tools: [tool] }), '/tools/act', call)
    await vi.waitFor(async () => {
      const [waiting] = await database.sql`
        select count(*)::int as count from pg_locks where locktype = 'advisory' and not granted`
      expect(waiting).toEqual({ count: 1 })
    }, 15_000)
    held.open()
    expect((await second).text).toBe((await first).text)
    expect(runs).toBe(1)
    expect(await database.sql`select * from effects where call = 'once-only'`).toHaveLength(1)
  })

  it('may both run a tool without effects, and both answer what was recorded first', async () => {
    const slow = gate()
    const reading = (output: string, wait: () => Promise<void>) =>
      defineTool({ ...head, effects: 'none', run: () => wait().then(() => output) })
    const here = testApp(database, { tools: [reading('slow', () => slow.pass())] })
    const there = testApp(elsewhere, { tools: [reading('quick', async () => {})] })
    const call = toolCall('act', 'none-twice', 'a')
    const first = post(here, '/tools/act', call)
    await slow.reached
    const second = await post(there, '/tools/act', call)
    slow.open()
    expect([(await first).body.output, second.body.output]).toEqual(['quick', 'quick'])
    expect(await outcomes('none-twice')).toEqual([{ outcome: 'ok', execution: 1 }])
  })
})

describe('a grading on one replica while a call commits on another', () => {
  // Where it is stopped while the call commits: before its first statement has an answer, and before its second.
  it.each(['grades', 'rollouts'])('sees the call if it was reading %s at that time', async (table) => {
    const rollout = `commits-${table}`
    const number = table === 'grades' ? 1000 : 1001
    const graders = [
      defineGrader({ name: 'calls', version: '1', range: [0, 9], grade: ({ trajectory }) => trajectory.length }),
    ]
    const here = testApp(database, { graders })
    const { graded } = await elsewhere.sql.begin(async (call) => {
      await call`select pg_advisory_xact_lock(hashtextextended('default/' || ${rollout}, 0))`
      await call`lock table ${call(table)} in access exclusive mode`
      const graded = post(here, '/grade', gradingOf(rollout, '42'))
      await vi.waitFor(async () => {
        const [waiting] = await database.sql`
          select count(*)::int as count from pg_locks where relation = ${table}::regclass and not granted`
        expect(waiting).toEqual({ count: 1 })
      }, 15_000)
      await call`insert into rollouts (run, number, id, item_hash, calls) values ('default', ${number}, ${rollout}, 'x', 1)`
      await call`
        insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, started_at)
        values ('default', ${number}, 'a', 1, 'act', '{}', 'ok', 'done', now())`
      return { graded }
    })
    expect((await graded).body).toEqual({ score: 1 })
  })
})

/** Counts the replicas that poll for the settlement of a claimed call. */
async function waitingLookups(): Promise<number> {
  const [row] = await database.sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and query like '%left join lateral%' and pid <> pg_backend_pid()`
  return row?.count ?? 0
}

describe('a claim on a call with external effects', () => {
  it('is taken over after its owner died, and the tool learns that this is a second execution', async () => {
    const attempts: number[] = []
    const tool = defineTool({
      ...head,
      effects: 'external',
      run({ execution }) {
        attempts.push(execution)
        return 'acted'
      },
    })
    // A dead owner leaves a claim with an expired lease.
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const call = {
      run: 'default',
      rolloutId: 'taken-over',
      callId: 'a',
      tool: 'act',
      arguments: {},
      itemHash: 'x',
      item: {},
    }
    const claim = { token: 'dead', leaseSeconds: 0.05 }
    const startedAt = new Date()
    await ledger.record({ ...call, outcome: 'running', output: '', code: null, startedAt, claim })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const answer = await post(testApp(database, { tools: [tool] }), '/tools/act', toolCall('act', 'taken-over', 'a'))
    expect(answer.body.output).toBe('acted')
    expect(attempts).toEqual([2])
    expect(await outcomes('taken-over')).toEqual([{ outcome: 'ok', execution: 2 }])
    const late = await ledger.settle(
      { ...call, number: (await ledger.locate(call)).number ?? 0, nth: 1, claim: 'dead' },
      { outcome: 'ok', output: 'from the grave', code: null },
    )
    expect(late).toBe(false)
  })

  it('is neither taken over nor awaited by a different call with its id, even after its owner died', async () => {
    const tool = defineTool({ ...head, input: z.looseObject({}), effects: 'external', run: () => 'acted' })
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const call = {
      run: 'default',
      rolloutId: 'not-taken',
      callId: 'a',
      tool: 'act',
      arguments: {},
      itemHash: 'x',
      item: {},
    }
    const claim = { token: 'dead', leaseSeconds: 0.05 }
    await ledger.record({ ...call, outcome: 'running', output: '', code: null, startedAt: new Date(), claim })
    const app = testApp(database, { tools: [tool] })
    const other = (something: string) => toolCall('act', 'not-taken', 'a', { something })
    expect((await post(app, '/tools/act', other('else'))).body.output).toBe('acted')
    await vi.waitFor(async () => expect((await ledger.locate(call)).stored?.lapsed).toBe(true), 15_000)
    expect((await post(app, '/tools/act', other('more'))).body.output).toBe('acted')
    const running = { outcome: 'running', execution: 1 }
    const done = { outcome: 'ok', execution: 1 }
    expect(await outcomes('not-taken')).toEqual([running, done, done])
    expect((await post(app, '/tools/act', toolCall('act', 'not-taken', 'a'))).body.output).toBe('acted')
  })

  it('is kept alive while its tool runs longer than the lease', async () => {
    const held = gate()
    const tool = defineTool({ ...head, effects: 'external', run: () => held.pass().then(() => 'done') })
    const limits = { leaseSeconds: 0.3 }
    const here = testApp(database, { tools: [tool], limits })
    const there = testApp(elsewhere, { tools: [tool], limits })
    const call = toolCall('act', 'kept-alive', 'a')
    const first = post(here, '/tools/act', call)
    await held.reached
    const second = post(there, '/tools/act', call)
    await new Promise((resolve) => setTimeout(resolve, 900))
    held.open()
    expect((await second).text).toBe((await first).text)
    expect(await outcomes('kept-alive')).toEqual([{ outcome: 'ok', execution: 1 }])
  })

  it('is recorded as failed by housekeeping if no retry takes it over, and then its rollout is ungradable', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const call = {
      run: 'default',
      rolloutId: 'expired',
      callId: 'a',
      tool: 'act',
      arguments: {},
      itemHash: 'x',
      item: {},
    }
    const claim = { token: 'gone', leaseSeconds: 0.05 }
    await ledger.record({ ...call, outcome: 'running', output: '', code: null, startedAt: new Date(), claim })
    await vi.waitFor(async () => expect(await ledger.expire(0)).toBe(1), 15_000)
    expect(await outcomes('expired')).toEqual([{ outcome: 'failed', execution: 1 }])
    const graders = [defineGrader({ name: 'one', version: '1', grade: () => 1 })]
    const graded = await post(testApp(database, { graders }), '/grade', gradingOf('expired', 'x'))
    expect(graded.body.error?.code).toBe('rollout_has_failed_call')
  })

  it('is released when the server stops before the tool has ended, so that a retry does not wait for the lease', async () => {
    const held = gate()
    const stopping = new AbortController()
    const attempts: number[] = []
    const tool = defineTool({
      ...head,
      effects: 'external',
      async run({ execution }) {
        attempts.push(execution)
        if (execution === 1) await held.pass()
        return 'acted'
      },
    })
    const here = testApp(database, { tools: [tool], stopping: stopping.signal })
    const first = post(here, '/tools/act', toolCall('act', 'given-back', 'a'))
    await held.reached
    stopping.abort(new Error('the server stops'))
    expect((await first).status).toBe(500)
    const retry = await post(testApp(elsewhere, { tools: [tool] }), '/tools/act', toolCall('act', 'given-back', 'a'))
    expect(retry.body.output).toBe('acted')
    expect(attempts).toEqual([1, 2])
    held.open()
  })
})

describe('a pool of one connection', () => {
  it('serves other calls while a hundred tools with external effects and a hundred without run', async () => {
    const small = open(database.url, 1)
    try {
      const [acting, reading] = [gate(), gate()]
      let begun = 0
      const wait = (held: { pass(): Promise<void> }) => () => {
        begun += 1
        return held.pass().then(() => 'done')
      }
      const quick = { ...head, name: 'quick' }
      const tools = [
        defineTool({ ...head, effects: 'external', run: wait(acting) }),
        defineTool({ ...head, name: 'read', effects: 'none', run: wait(reading) }),
        defineTool({ ...quick, effects: 'none', run: () => 'at once' }),
      ]
      const app = testApp(small, { tools, budget: undefined })
      const slow = Array.from({ length: 200 }, (_, n) => {
        const name = n % 2 ? 'act' : 'read'
        return post(app, `/tools/${name}`, toolCall(name, `slow-${n}`, 'a'))
      })
      await vi.waitFor(() => expect(begun).toBe(200), 10_000)
      expect((await post(app, '/tools/quick', toolCall('quick', 'hot', 'a'))).body.output).toBe('at once')
      acting.open()
      reading.open()
      expect((await Promise.all(slow)).every(({ status }) => status === 200)).toBe(true)
    } finally {
      await small.close()
    }
  })
})
