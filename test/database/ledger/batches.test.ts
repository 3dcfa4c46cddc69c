import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { contentHash } from '../../../src/base/json.ts'
import { createBatcher } from '../../../src/ledger/batch.ts'
import type { CallRecord } from '../../../src/ledger/calls/call.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { defineGrader, defineTool, gate, gradingOf, open, post, testApp, toolCall } from '../../support/app.ts'
import { makeOld, retire, useDatabase } from '../../support/database.ts'

const database = useDatabase()

const record = (rolloutId: string, callId: string, more: Partial<CallRecord> = {}): CallRecord => ({
  run: 'default',
  rolloutId,
  callId,
  tool: 't',
  arguments: {},
  itemHash: 'hash',
  item: { question: 'q' },
  outcome: 'ok',
  output: `${rolloutId} ${callId}`,
  code: null,
  startedAt: new Date(),
  ...more,
})

describe('calls that arrive together', () => {
  it('are recorded by one statement while the previous one runs', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const records = Array.from({ length: 100 }, (_, n) => ledger.record(record(`together-${n % 20}`, `c${n}`)))
    const stored = await Promise.all(records)
    expect(stored.every(({ replayed }) => !replayed)).toBe(true)
    // Rows of one statement were inserted by one transaction.
    const [counted] = await database.sql`
      select count(distinct t.xmin::text)::int as transactions, count(*)::int as calls from tool_calls t
      join rollouts r on r.number = t.rollout
      where id like 'together-%'`
    expect(counted).toEqual({ transactions: 1, calls: 100 })
  })

  it('are recorded although one row among them is bad', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const bad = record('bad', 'c', { output: 'a \u0000 that Postgres cannot store' })
    const settled = await Promise.allSettled([
      ...Array.from({ length: 10 }, (_, n) => ledger.record(record(`good-${n}`, 'c'))),
      ledger.record(bad),
      ...Array.from({ length: 10 }, (_, n) => ledger.record(record(`well-${n}`, 'c'))),
    ])
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    const [row] = await database.sql`
      select count(*)::int as calls, sum(calls)::int as counted from rollouts where id like 'good-%' or id like 'well-%'`
    expect(row).toEqual({ calls: 20, counted: 20 })
  })

  it('are recorded in sequence if they are the same call: the second sees the result of the first', async () => {
    const sent: string[] = []
    const counting = new Proxy(database.sql, {
      get(target, property) {
        if (property === 'unsafe') sent.push('statement')
        return Reflect.get(target, property)
      },
    })
    const ledger = createLedger({ ...database, sql: counting, budget: undefined, now: Date.now })
    const failed = { outcome: 'failed', output: '', code: 'tool_failed' } as const
    const records = [
      record('same', 'c', failed),
      record('other', 'c'),
      record('same', 'c'),
      record('same', 'c', failed),
    ]
    const stored = await Promise.all(records.map((one) => ledger.record(one)))
    expect(stored.map(({ call: { outcome, execution }, replayed }) => [outcome, execution, replayed])).toEqual([
      ['failed', 1, false],
      ['ok', 1, false],
      ['ok', 2, false],
      ['ok', 2, true],
    ])
    // Three batches, and one statement that overwrites the failed call.
    expect(sent).toHaveLength(4)
  })

  it('are split by number and by size', async () => {
    const sizes: number[] = []
    const batched = createBatcher<string, string>({
      run: async (entries) => {
        sizes.push(entries.length)
        return entries
      },
      maxEntries: 3,
      maxBytes: 10,
      sizeOf: (entry) => entry.length,
      concernsAll: () => false,
    })
    const entries = ['a', 'b', 'c', 'd', 'e'.repeat(20), 'f', 'g']
    expect(await Promise.all(entries.map(batched))).toEqual(entries)
    expect(sizes).toEqual([3, 1, 1, 2])
  })
})

describe('a batch that is not answered in time', () => {
  it('fails together with the unsent entries behind it and does not delay the next one; its late answer is ignored', async () => {
    const held = gate()
    const sent: string[][] = []
    const batched = createBatcher<string, string>({
      run: async (entries) => {
        sent.push([...entries])
        if (sent.length === 1) await held.pass()
        return entries
      },
      maxEntries: 2,
      maxBytes: 10,
      sizeOf: (entry) => entry.length,
      concernsAll: () => false,
      seconds: 0.05,
    })
    const frozen = ['a', 'b', 'c'].map((entry) => batched(entry).catch(String))
    await held.reached
    const failures = await Promise.all(frozen)
    expect(new Set(failures)).toEqual(new Set(['BatchTimeout: the database did not answer within 0.05 s']))
    expect(await batched('d')).toBe('d')
    held.open()
    expect(await batched('e')).toBe('e')
    expect(sent).toEqual([['a', 'b'], ['d'], ['e']])
  })
})

describe('a batch that finds the database unavailable after a long time', () => {
  it('fails together with the entries that waited as long, and newer entries are sent', async () => {
    const held = gate()
    const sent: string[][] = []
    const batched = createBatcher<string, string>({
      run: async (entries) => {
        sent.push([...entries])
        if (sent.length > 1) return entries
        await held.pass()
        throw new Error('unavailable')
      },
      maxEntries: 1,
      maxBytes: 10,
      sizeOf: (entry) => entry.length,
      concernsAll: () => true,
      seconds: 0.4,
    })
    const early = ['first', 'second'].map((entry) => batched(entry).catch(String))
    await held.reached
    await new Promise((resolve) => setTimeout(resolve, 250))
    const late = batched('late')
    held.open()
    expect(await Promise.all(early)).toEqual(['Error: unavailable', 'Error: unavailable'])
    expect(await late).toBe('late')
    expect(sent).toEqual([['first'], ['late']])
  })
})

describe('the promise that an item is stored once', () => {
  it('identifies an item by the hash of its content, independent of key order and replica', async () => {
    const tool = defineTool({ name: 't', description: 'T.', input: z.object({}), effects: 'none', run: () => 'ok' })
    const elsewhere = open(database.url)
    const graders = [defineGrader({ name: 'one', version: '1', grade: () => 1 })]
    const apps = [testApp(database, { tools: [tool], graders }), testApp(elsewhere, { tools: [tool], graders })]
    const items = [
      { question: 'the same?', answer: '1', more: { a: 1, b: [2] } },
      { more: { b: [2], a: 1 }, answer: '1', question: 'the same?' },
    ]
    await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        post(apps[n % 2] ?? testApp(database), '/tools/t', toolCall('t', `item-${n}`, 'a', {}, items[(n >> 1) % 2])),
      ),
    )
    await post(testApp(database, { graders }), '/grade', gradingOf('item-0', 'x', items[1]))
    const rows = await database.sql`select content from items where content->>'question' = 'the same?'`
    expect(rows.map((row) => ({ ...row }))).toEqual([{ content: items[0] }])
    const [group] = await database.sql`
      select count(distinct item_hash)::int as items, count(*)::int as rollouts from rollouts where id like 'item-%'`
    expect(group).toEqual({ items: 1, rollouts: 8 })
    await elsewhere.close()
  })
})

describe('the promise of retention', () => {
  it('deletes only old rollouts with their calls, gradings and items, in batches, while calls continue', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const old = { itemHash: 'old', item: { question: 'old' } }
    await Promise.all(Array.from({ length: 25 }, (_, n) => ledger.record(record(`old-${n}`, 'c', old))))
    await ledger.record(record('young', 'c', { itemHash: 'young', item: { question: 'young' } }))
    const grading = { grader: 'g', version: '1', sampleHash: 's', sample: {}, outcome: 'scored', score: 1 } as const
    const rest = {
      codeHash: null,
      parts: null,
      reason: null,
      code: null,
      durationMs: 1,
      itemHash: 'old',
      item: { question: 'old' },
    }
    await ledger.recordGrading({ run: 'default', rolloutId: 'old-1', attempt: 1, ...grading, ...rest })
    await makeOld(database, 'old-%')
    await database.sql`update items set last_used_at = now() - interval '8 days' where hash = 'old'`
    const traffic = Promise.all(Array.from({ length: 50 }, (_, n) => ledger.record(record(`traffic-${n}`, 'c'))))
    const [deleted] = await Promise.all([retire(ledger, 7, 10), traffic])
    expect(deleted).toEqual({ rollouts: 25, items: 1 })
    const [left] = await database.sql`
      select (select count(*)::int from ledger.calls where rollout_id like 'old-%') as calls,
        (select count(*)::int from ledger.gradings where rollout_id like 'old-%') as grades,
        (select count(*)::int from rollouts where id = 'young') as young,
        (select count(*)::int from rollouts where id like 'traffic-%') as traffic`
    expect(left).toEqual({ calls: 0, grades: 0, young: 1, traffic: 50 })
  })

  it('skips a rollout to which a call is being written, and an item in use', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    for (const name of ['busy', 'free']) {
      await ledger.record(record(`old-and-${name}`, 'c', { itemHash: name, item: { question: name } }))
      await ledger.record(record(`young-for-${name}`, 'c', { itemHash: `unused-${name}`, item: { question: name } }))
    }
    await database.sql`delete from rollouts where id like 'young-for-%'`
    await makeOld(database, 'old-and-%')
    await database.sql`update items set last_used_at = now() - interval '8 days' where hash like 'unused-%'`
    await database.sql.begin(async (writing) => {
      await writing`update rollouts set calls = calls + 1 where id = 'old-and-busy'`
      await writing`update items set last_used_at = now() where hash = 'unused-busy'`
      expect(await retire(ledger, 7)).toEqual({ rollouts: 1, items: 1 })
    })
    const left = await database.sql`select id from rollouts where id like 'old-and-%'`
    expect(left.map(({ id }) => id)).toEqual(['old-and-busy'])
    expect(await database.sql`select hash from items where hash like 'unused-%'`).toEqual([{ hash: 'unused-busy' }])
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 1 })
  })

  it('skips an old rollout whose database call runs, so that the grading sees all of its calls', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const head = { description: 'Acts.', input: z.object({}) }
    const held = gate()
    const tools = [
      defineTool({ ...head, name: 'read', effects: 'none', run: () => 'read' }),
      defineTool({ ...head, name: 'write', effects: 'database', run: () => held.pass().then(() => 'written') }),
    ]
    const graders = [
      defineGrader({ name: 'calls', version: '1', range: [0, 9], grade: ({ trajectory }) => trajectory.length }),
    ]
    const app = testApp(database, { tools, graders })
    await post(app, '/tools/read', toolCall('read', 'old-and-writing', 'a'))
    await ledger.record(record('old-and-idle', 'a'))
    await makeOld(database, 'old-and-%')
    const running = post(app, '/tools/write', toolCall('write', 'old-and-writing', 'b'))
    await held.reached
    // A batch of one: a skipped rollout does not prevent the deletion of others.
    expect(await retire(ledger, 7, 1)).toMatchObject({ rollouts: 1 })
    held.open()
    expect((await running).body.output).toBe('written')
    // The call has just ended, so the rollout is in use.
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 0 })
    expect((await post(app, '/grade', gradingOf('old-and-writing', 'x'))).body).toEqual({ score: 2 })
    await makeOld(database, 'old-and-writing')
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 1 })
  })

  it('skips an old rollout that is used again, with a call or a grading in the last hour', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const read = defineTool({
      name: 'read',
      description: 'Reads.',
      input: z.object({}),
      effects: 'none',
      run: () => 'read',
    })
    const graders = [
      defineGrader({ name: 'calls', version: '1', range: [0, 9], grade: ({ trajectory }) => trajectory.length }),
    ]
    const app = testApp(database, { tools: [read], graders })
    for (const name of ['again-called', 'again-graded', 'again-not']) {
      await post(app, '/tools/read', toolCall('read', name, 'a'))
    }
    await makeOld(database, 'again-%')
    await post(app, '/tools/read', toolCall('read', 'again-called', 'b'))
    await post(app, '/grade', gradingOf('again-graded', 'x'))
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 1 })
    expect((await post(app, '/grade', gradingOf('again-called', 'x'))).body).toEqual({ score: 2 })
    await makeOld(database, 'again-%')
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 2 })
  })

  it('makes a database call that begins during the deletion wait for it and start the rollout anew', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const runs: string[] = []
    const write = defineTool({
      name: 'write',
      description: 'Writes.',
      input: z.object({}),
      effects: 'database',
      run: ({ callId }) => {
        runs.push(callId)
        return 'written'
      },
    })
    await ledger.record(record('deleted-meanwhile', 'a', { itemHash: contentHash({}), item: {} }))
    await makeOld(database, 'deleted-meanwhile')
    const waiting = (count: number) =>
      expect
        .poll(async () => {
          const [row] = await database.sql`
            select count(*)::int as count from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'`
          return row?.['count']
        })
        .toBe(count)
    const { deleting, calling } = await database.sql.begin(async (blocking) => {
      // The deletion has its locks and waits for the table of the gradings; the call waits for the rollout's lock.
      await blocking`lock table grades in share mode`
      const deleting = retire(ledger, 7)
      await waiting(1)
      const calling = post(
        testApp(database, { tools: [write] }),
        '/tools/write',
        toolCall('write', 'deleted-meanwhile', 'b'),
      )
      await waiting(2)
      expect(runs).toEqual([])
      return { deleting, calling }
    })
    expect(await deleting).toMatchObject({ rollouts: 1 })
    expect((await calling).body.output).toBe('written')
    const calls = await database.sql`select call_id, seq from ledger.calls where rollout_id = 'deleted-meanwhile'`
    expect([...calls]).toEqual([{ call_id: 'b', seq: 1 }])
  })

  it('skips an old rollout whose external call runs, so that the call is settled and not repeated', async () => {
    const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
    const held = gate()
    const attempts: number[] = []
    const act = defineTool({
      name: 'act',
      description: 'Acts.',
      input: z.object({}),
      effects: 'external',
      async run({ execution }) {
        attempts.push(execution)
        if (attempts.length === 1) await held.pass()
        return 'acted'
      },
    })
    const call = post(testApp(database, { tools: [act] }), '/tools/act', toolCall('act', 'old-and-running', 'a'))
    await held.reached
    await makeOld(database, 'old-and-running')
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 0 })
    held.open()
    expect((await call).body.output).toBe('acted')
    expect(attempts).toEqual([1])
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 0 })
    await makeOld(database, 'old-and-running')
    expect(await retire(ledger, 7)).toMatchObject({ rollouts: 1 })
    expect(await database.sql`select from ledger.calls where rollout_id = 'old-and-running'`).toHaveLength(0)
  })
})
