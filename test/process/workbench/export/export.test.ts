import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TransactionSql } from 'postgres'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type ExportFilter, subjectsText } from '../../../../src/ledger/reports/exported-subjects.ts'
import { exportRollouts, pageSize, parseCursor } from '../../../../src/workbench/export/run.ts'
import { traceLine } from '../../../../src/workbench/export/trace-line.ts'
import { defineGrader, defineTool, gradingOf, open, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { beginning, record } from '../../../support/export/recorded.ts'
import { scorekeeper, scorekeeperArgs, scorekeeperFolder } from '../../../support/scorekeeper.ts'
import { useFolder } from '../../../support/temporary.ts'

const database = useDatabase()
const folder = useFolder()
beforeEach(() => database.sql`truncate items, rollouts, tool_calls, grades`)

const all: ExportFilter = { outcomes: ['scored', 'ungradable', 'failed'] }

/** Exports into memory. */
async function exported(filter: Partial<ExportFilter> = {}, rest: Partial<Parameters<typeof exportRollouts>[0]> = {}) {
  let text = ''
  const done = await exportRollouts({
    ...{ sql: database.sql, filter: { ...all, ...filter }, format: 'trace', tools: [], after: undefined },
    ...{ onCount() {}, onRollouts() {}, ending: new AbortController().signal },
    async write(more) {
      text += more
      return true
    },
    ...rest,
  })
  const lines =
    text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
  return { ...done, made: lines, ids: lines.map(({ rollout }) => rollout) }
}

/** The rows that the scans of a plan of Postgres returned or skipped. */
function rowsRead(plan: unknown): number {
  const node = planNode.parse(plan)
  const isScan = node['Node Type'].includes('Scan')
  const own = isScan ? (node['Actual Rows'] + node['Rows Removed by Filter']) * node['Actual Loops'] : 0
  return own + node.Plans.reduce((sum: number, inner) => sum + rowsRead(inner), 0)
}
const planNode = z.looseObject({
  'Node Type': z.string(),
  'Actual Rows': z.number(),
  'Actual Loops': z.number(),
  'Rows Removed by Filter': z.number().default(0),
  Plans: z.array(z.unknown()).default([]),
})

const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => `r${String(from + n).padStart(4, '0')}`)

describe('an export', () => {
  it('has everything that is recorded of a rollout in the documented format', async () => {
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({ word: z.string() }),
      effects: 'database',
      async run({ input, state }) {
        state.notes.push(input.word)
        return `a page about ${input.word}`
      },
    })
    const half = defineGrader({
      name: 'half',
      version: '3',
      grade: () => ({ score: 0.5, parts: { answer: 0.5 }, reason: 'so so' }),
    })
    const app = testApp(database, { tools: [look], graders: [half] })
    const item = { question: 'what?', answer: 'this', messages: [{ role: 'user', content: 'what?' }] }
    await post(app, '/tools/look', toolCall('look', 'one', 'a', { word: 'oak' }, item))
    await post(app, '/tools/look', toolCall('look', 'one', 'b', { wrong: 1 }, item))
    await post(app, '/grade', gradingOf('one', 'that', item))
    await post(app, '/grade', gradingOf('one', 'no, this', item))
    await database.sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
      select run, number, grader, '4', 'regrade', sample_hash, sample, item_hash, outcome, 0.9, 1 from ledger.gradings
      where id in (select max(id) from ledger.gradings)`
    // What was graded within the last milliseconds is left for a later export.
    await expect.poll(async () => (await exported()).lines).toBe(1)
    const { made, skipped } = await exported()
    expect(skipped).toEqual({})
    const [line] = z.array(traceLine).parse(made)
    expect(line).toMatchObject({
      ...{ rollout: 'one', item, outcome: 'scored', score: 0.5, state: { notes: ['oak'] } },
      sample: { output_text: 'no, this' },
      trajectory: [
        { seq: 1, call_id: 'a', tool: 'look', arguments: { word: 'oak' }, output: 'a page about oak', outcome: 'ok' },
        { seq: 2, call_id: 'b', outcome: 'refused', output: expect.stringContaining('word') },
      ],
      gradings: [
        {
          grader: 'half',
          version: '3',
          source: 'trainer',
          sent: true,
          score: 0.5,
          parts: { answer: 0.5 },
          reason: 'so so',
        },
        { source: 'trainer', sent: true },
        { version: '4', source: 'regrade', sent: false, score: 0.9 },
      ],
    })
    expect(Object.values(line?.other_samples ?? {})).toMatchObject([{ output_text: 'that' }])
  })

  it('is documented by a line in that format', () => {
    const page = readFileSync(new URL('../../../../docs/exporting.md', import.meta.url), 'utf8')
    const [, example = ''] = /## The format `trace`[\s\S]*?```json\n([\s\S]*?)```/.exec(page) ?? []
    expect(traceLine.safeParse(JSON.parse(example)).error).toBeUndefined()
  })

  it('has failed and ungradable rollouts with the score null, not 0', async () => {
    await record(database, [
      { id: 'lost', outcome: 'ungradable' },
      { id: 'broken', at: 1, outcome: 'failed' },
      { id: 'still-open', at: 2, outcome: 'open' },
    ])
    const { made } = await exported()
    expect(made.map(({ rollout, outcome, score }) => [rollout, outcome, score])).toEqual([
      ['lost', 'ungradable', null],
      ['broken', 'failed', null],
    ])
    expect(made[0].gradings).toMatchObject([{ sent: false, score: null, reason: 'because' }])
    const open = await exported({ outcomes: ['open'] })
    expect(open.made).toMatchObject([
      { rollout: 'still-open', outcome: 'open', score: null, sample: null, gradings: [] },
    ])
  })

  it('is filtered by time, item, grader, score and outcome', async () => {
    await record(database, [
      { id: 'a', at: 0, score: 0.1 },
      { id: 'b', at: 1_000, score: 0.5, item: { answer: 'other' } },
      { id: 'c', at: 2_000, score: 0.9, grader: 'h' },
      { id: 'd', at: 3_000, outcome: 'failed' },
    ])
    const idsOf = async (filter: Partial<ExportFilter>) => (await exported(filter)).ids
    const [row] = await database.sql`select item_hash from rollouts where id = 'b'`
    const at = (ms: number) => new Date(Date.UTC(2026, 9, 1) + ms)
    expect(await idsOf({})).toEqual(['a', 'b', 'c', 'd'])
    expect(await idsOf({ since: at(1_000) })).toEqual(['b', 'c', 'd'])
    expect(await idsOf({ until: at(1_000) })).toEqual(['a'])
    expect(await idsOf({ item: String(row?.['item_hash']) })).toEqual(['b'])
    expect(await idsOf({ grader: 'h' })).toEqual(['c'])
    expect(await idsOf({ minScore: 0.5 })).toEqual(['b', 'c'])
    expect(await idsOf({ minScore: 0.2, maxScore: 0.5 })).toEqual(['b'])
    expect(await idsOf({ outcomes: ['failed'] })).toEqual(['d'])
    expect(await idsOf({ limit: 2 })).toEqual(['a', 'b'])
  })

  it('selects the rollouts with the highest scores of each item, the earlier one on a tie', async () => {
    const other = { answer: 'other' }
    await record(database, [
      { id: 'late', at: 30, score: 0.9 },
      { id: 'early', at: 10, score: 0.9 },
      { id: 'low', at: 0, score: 0.2 },
      { id: 'other-low', at: 5, score: 0.1, item: other },
      { id: 'other-high', at: 40, score: 0.3, item: other },
      { id: 'unscored', at: 1, outcome: 'failed', item: other },
    ])
    expect((await exported({ bestOf: 1 })).ids).toEqual(['early', 'other-high'])
    expect((await exported({ bestOf: 2 })).ids).toEqual(['other-low', 'early', 'late', 'other-high'])
    expect((await exported({ bestOf: 1, maxScore: 0.5 })).ids).toEqual(['low', 'other-high'])
  })

  it('resumes at a cursor with no rollout lost or repeated, within one millisecond, and while others are recorded', async () => {
    // All have one timestamp, and the order of insertion is not that of their ids.
    const names = ids(0, 130)
    await record(
      database,
      names.toReversed().map((id) => ({ id })),
    )
    const first = await exported({ limit: 57 })
    expect(first.ids).toEqual(names.slice(0, 57))
    await record(database, [{ id: 'later', at: 1 }])
    const rest = await exported({}, { after: parseCursor(first.cursor ?? '') })
    expect(rest.ids).toEqual([...names.slice(57), 'later'])
    expect((await exported({}, { after: parseCursor(rest.cursor ?? '') })).ids).toEqual([])
  })

  it('includes a rollout that was scored after it had failed, and repeats no open one', async () => {
    await record(database, [
      { id: 'retried', outcome: 'failed' },
      { id: 'opened', at: 1, outcome: 'open' },
      { id: 'quick', at: 2 },
    ])
    const wanted = [{ outcomes: ['scored'] }, all, { outcomes: ['scored', 'open'] }] as const satisfies ExportFilter[]
    const first = await Promise.all(wanted.map((filter) => exported(filter)))
    await database.sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms, created_at)
      select run, number, 'g', '1', 'trainer', 's', '{}', item_hash, 'scored', 1, 1, created_at + interval '1 second'
      from rollouts where id in ('retried', 'opened')`
    const rest = await Promise.all(
      wanted.map((filter, n) => exported(filter, { after: parseCursor(first[n]?.cursor ?? '') })),
    )
    expect(first.map(({ ids }) => ids)).toEqual([['quick'], ['retried', 'quick'], ['opened', 'quick']])
    expect(rest.map(({ ids }) => ids)).toEqual([['retried', 'opened'], ['opened'], []])
  })

  it('leaves for the next export what a running transaction may record before the cursor', async () => {
    const slow = database.sql.options === undefined ? undefined : open(database.url, 2)
    if (slow === undefined) throw new Error('no second client')
    let recorded = () => {}
    const isRecorded = new Promise<void>((resolve) => {
      recorded = resolve
    })
    let commit = () => {}
    const mayCommit = new Promise<void>((resolve) => {
      commit = resolve
    })
    const writing = slow.sql.begin(async (tx) => {
      await tx`insert into rollouts (run, id, item_hash) values ('default', 'slow', 'i')`
      await tx`
        insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
        select run, number, 'g', '1', 'trainer', 's', '{}', 'i', 'scored', 1, 1 from rollouts where id = 'slow'`
      recorded()
      await mayCommit
    })
    await isRecorded
    // It begins later, and is committed earlier.
    await database.sql`insert into rollouts (run, id, item_hash) values ('default', 'quick', 'i')`
    await database.sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
      select run, number, 'g', '1', 'trainer', 's', '{}', 'i', 'scored', 1, 1 from rollouts where id = 'quick'`
    await record(database, [{ id: 'old' }])
    const during = await exported()
    expect(during.ids).toEqual(['old'])
    commit()
    await writing
    await slow.close()
    await expect
      .poll(async () => (await exported({}, { after: parseCursor(during.cursor ?? '') })).ids)
      .toEqual(['slow', 'quick'])
  })

  it('loses no rollout that is committed while it reads the running transactions', async () => {
    const { sql } = database
    const insert = (tx: typeof sql | TransactionSql, id: string) => tx`
      with rollout as (insert into rollouts (run, id, item_hash) values ('default', ${id}, 'i') returning run, number)
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
      select run, number, 'g', '1', 'trainer', 's', '{}', 'i', 'scored', 1, 1 from rollout`
    // Here, a query of pg_stat_activity sleeps for 0.3 s before it reads the rows.
    await sql`create schema slowly`
    await sql`create function slowly.activity() returns setof pg_catalog.pg_stat_activity volatile language plpgsql as
      'begin perform pg_sleep(0.3); return query select * from pg_catalog.pg_stat_activity; end'`
    await sql`create view slowly.pg_stat_activity as select * from slowly.activity()`
    const looking = new URL(database.url)
    looking.searchParams.set('search_path', 'slowly,public,pg_catalog')
    const slow = open(looking.href, 1)
    await slow.sql`select 1`
    const writing = sql.begin(async (tx) => {
      await insert(tx, 'early')
      await insert(sql, 'late')
      await sleep(100)
      const first = exported({}, { sql: slow.sql })
      await sleep(100)
      return { first }
    })
    const first = await (await writing).first
    await slow.close()
    await sql`drop schema slowly cascade`
    const after = first.cursor === undefined ? undefined : parseCursor(first.cursor)
    await expect.poll(async () => [...first.ids, ...(await exported({}, { after })).ids]).toEqual(['early', 'late'])
  })

  it('that is cut off by its reader has the cursor at which it began', async () => {
    await record(
      database,
      ids(0, pageSize * 2).map((id, at) => ({ id, at })),
    )
    const { cursor } = await exported({ limit: 10 })
    const after = parseCursor(cursor ?? '')
    let pages = 0
    const write = async () => {
      pages += 1
      return pages < 2
    }
    expect(await exported({}, { after, write })).toMatchObject({ cursor, isCut: true })
    pages = 0
    expect(await exported({}, { write })).toMatchObject({ cursor: undefined, isCut: true })
  })

  it('is refused to a role that cannot see when the transactions of others began, until it may', async () => {
    const reader = `reader_${process.pid}`
    await database.sql.unsafe(`
      create role ${reader} login password 'reads'; grant select on all tables in schema public to ${reader}`)
    const url = new URL(database.url)
    url.username = reader
    url.password = 'reads'
    const theirs = open(url.href)
    try {
      await record(database, [{ id: 'one' }])
      const refusal = new RegExp(`^the role "${reader}" cannot see the transactions of .*grant pg_read_all_stats to`)
      await expect(exported({}, { sql: theirs.sql })).rejects.toThrow(refusal)
      await database.sql.unsafe(`grant pg_read_all_stats to ${reader}`)
      expect((await exported({}, { sql: theirs.sql })).ids).toEqual(['one'])
      await database.sql.unsafe(`revoke pg_read_all_stats from ${reader}`)
      const { role } = (await database.sql<{ role: string }[]>`select current_user::text as role`)[0] ?? { role: '' }
      await database.sql.unsafe(`grant ${role} to ${reader}`)
      expect((await exported({}, { sql: theirs.sql })).ids).toEqual(['one'])
    } finally {
      await theirs.close()
      await database.sql.unsafe(`drop owned by ${reader}; drop role ${reader}`)
    }
  })

  it('is refused where the database does not track transactions', async () => {
    await database.sql.begin(async (tx) => {
      await tx`set local track_activities = off`
      await expect(exported()).rejects.toThrow('set track_activities = on')
    })
  })

  it.each([
    ['since its cursor', { outcomes: ['scored', 'failed'] }, true],
    ['since a time', { outcomes: ['scored'], since: new Date(beginning + 1_999_000) }, false],
    ['of open rollouts', { outcomes: ['scored', 'open'] }, true],
  ] as const)(
    'that is incremental reads only what was recorded %s, not the whole table',
    async (_, filter, isAfter) => {
      await database.sql`
      insert into rollouts (run, id, item_hash, created_at)
      select 'default', 'r' || n, 'i', ${new Date(beginning).toISOString()}::text::timestamptz + n * interval '1 second'
      from generate_series(1, 2000) n`
      await database.sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms, created_at)
      select run, number, 'g', '1', 'trainer', 's', '{}', 'i', 'scored', 1, 1, created_at from rollouts`
      await database.sql`analyze rollouts, grades`
      const after = isAfter
        ? { at: new Date(beginning + 1_998_000).toISOString(), rollout: 'r1998', number: 1998 }
        : undefined
      const { text, values } = subjectsText(filter, new Date().toISOString(), after)
      const plan = await database.sql.unsafe(`explain (analyze, format json) ${text}`, [...values])
      const read = rowsRead(plan[0]?.['QUERY PLAN']?.[0]?.Plan)
      expect(read).toBeLessThan(100)
    },
  )

  it('can have one rollout alone', async () => {
    await record(database, [{ id: 'one' }, { id: 'two', outcome: 'open' }, { id: 'three' }])
    const outcomes = ['scored', 'open'] as const
    expect((await exported({ rollout: 'two', outcomes })).ids).toEqual(['two'])
    expect((await exported({ rollout: 'none', outcomes })).ids).toEqual([])
  })

  it('holds one page of rollouts, and reads the next when that one is written', async () => {
    await record(
      database,
      ids(0, 2 * pageSize + 10).map((id) => ({ id })),
    )
    const taken: number[] = []
    let isTaking = false
    await exported(
      {},
      {
        async write(_, lines) {
          expect(isTaking).toBe(false)
          isTaking = true
          await new Promise((resolve) => setTimeout(resolve, 20))
          isTaking = false
          taken.push(lines)
          return true
        },
      },
    )
    expect(taken).toEqual([pageSize, pageSize, 10])
  })
})

describe('an example for fine-tuning', () => {
  const tools = [{ type: 'function', function: { name: 'look', parameters: {} } }]
  const chat = async (rest: Partial<ExportFilter> = {}) =>
    await exported({ outcomes: ['scored'], ...rest }, { format: 'chat', tools })

  it('has the item’s messages, the model’s calls, parallel ones together, and the answer', async () => {
    const messages = [
      { role: 'developer', content: 'Be short.' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'how' },
          { type: 'text', text: 'much?' },
        ],
      },
    ]
    const calls = [
      { from: 0, to: 30 },
      { from: 10, to: 20 },
      { from: 40, to: 50, outcome: 'refused' },
    ]
    await record(database, [{ id: 'one', item: { messages }, calls, output: '42' }])
    const call = (n: number) => ({
      id: `call_${n}`,
      type: 'function',
      function: { name: 'look', arguments: '{"word":"x"}' },
    })
    const result = (n: number) => ({ role: 'tool', tool_call_id: `call_${n}`, content: `page ${n}` })
    expect((await chat()).made).toEqual([
      {
        messages: [
          { role: 'developer', content: 'Be short.' },
          { role: 'user', content: 'how\nmuch?' },
          { role: 'assistant', tool_calls: [call(1), call(2)] },
          result(1),
          result(2),
          { role: 'assistant', tool_calls: [call(3)] },
          result(3),
          { role: 'assistant', content: '42' },
        ],
        tools,
        parallel_tool_calls: true,
      },
    ])
  })

  it('has the tools of its item if it defines any, and no parallel_tool_calls if no calls were parallel', async () => {
    const own = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }]
    await record(database, [
      {
        id: 'one',
        item: { tools: own },
        calls: [
          { from: 0, to: 5 },
          { from: 5, to: 9 },
        ],
      },
    ])
    expect((await chat()).made).toMatchObject([{ tools: own, parallel_tool_calls: false }])
  })

  it.each([
    ['a name that no tool has', 'lok', { word: 'x' }, 'a call names a tool that is not offered'],
    ['a name with its namespace', 'functions.look', { word: 'x' }, 'a call names a tool that is not offered'],
    ['a name in the format of its model', 'look<|channel|>json', {}, 'a call names a tool that is not offered'],
    ['arguments that are a list', 'look', [1], 'the arguments of a call are not a JSON object'],
    ['arguments that are not JSON', 'look', '{"word":', 'the arguments of a call are not a JSON object'],
    ['arguments that are a number', 'look', '7', 'the arguments of a call are not a JSON object'],
  ])('is not made of a call with %s', async (_, tool, args, reason) => {
    await record(database, [{ id: 'one', calls: [{ from: 0, to: 1 }] }])
    await database.sql`update tool_calls set tool = ${tool}, arguments = ${JSON.stringify(args)}::text::jsonb`
    expect(await chat()).toMatchObject({ made: [], skipped: { [reason]: 1 } })
  })

  it.each([
    ['null', null, '{}'],
    ['an empty text', '', '{}'],
    ['an object that was encoded twice', '{"word": "x"}', '{"word":"x"}'],
  ])('has an object for arguments that are %s', async (_, args, text) => {
    await record(database, [{ id: 'one', calls: [{ from: 0, to: 1 }] }])
    await database.sql`update tool_calls set arguments = ${JSON.stringify(args)}::text::jsonb`
    const { made } = await chat()
    expect(made[0].messages[1].tool_calls[0].function).toEqual({ name: 'look', arguments: text })
  })

  it('has an id of its own for each call, although the model used one again', async () => {
    await record(database, [{ id: 'one', calls: [0, 1].map((from) => ({ from, to: from + 1 })) }])
    await database.sql`update tool_calls set call_id = 'call_0', nth = seq`
    const { made } = await chat()
    expect(made[0].messages.flatMap(({ tool_call_id = [] }) => tool_call_id)).toEqual(['call_1', 'call_2'])
  })

  it('is not made of a rollout without messages, without an answer, or with a failed call, and those are counted', async () => {
    await record(database, [
      { id: 'a', item: { messages: null } },
      { id: 'b', output: '' },
      { id: 'c', output: null },
      { id: 'd', calls: [{ from: 0, to: 1, outcome: 'failed' }] },
      { id: 'e' },
    ])
    const { made, lines, skipped, cursor } = await chat()
    expect([made.length, lines]).toEqual([1, 1])
    expect(skipped).toEqual({ 'the item has no messages': 1, 'there is no answer': 2, 'a call was not answered': 1 })
    expect(cursor).toMatch(/\/e\/\d+$/)
  })
})

describe('the command export', () => {
  const run = (...args: readonly string[]) => scorekeeper(['export', ...args], { DATABASE_URL: database.url })
  const linesOf = (text: string) => text.split('\n').slice(0, -1)
  const rolloutsIn = (text: string) => linesOf(text).map((line) => JSON.parse(line).rollout)

  it('writes lines to stdout, and the cursor to stderr', async () => {
    await record(
      database,
      ids(0, 5).map((id, at) => ({ id, at, score: at / 4 })),
    )
    const first = await run('--limit', '3')
    expect([first.code, rolloutsIn(first.out)]).toEqual([0, ids(0, 3)])
    const [, cursor = ''] = /resume with --after (\S+)/.exec(first.err) ?? []
    const rest = await run('--after', cursor, '--json')
    expect(rolloutsIn(rest.out)).toEqual(ids(3, 5))
    expect(JSON.parse(rest.err)).toMatchObject({
      lines: 2,
      skipped: {},
      cursor: expect.stringMatching(/\/r0004\/\d+$/),
    })
    expect(rolloutsIn((await run('--min-score', '0.5', '--best-of', '1')).out)).toEqual(['r0004'])
    expect(linesOf((await run('--format', 'chat')).out)).toHaveLength(5)
  })

  it('resumes its file with the same command, whatever was written but not recorded', async () => {
    await record(
      database,
      ids(0, 70).map((id) => ({ id })),
    )
    const out = join(folder, 'all.jsonl')
    expect(await run('--out', out)).toMatchObject({ code: 0, out: '' })
    // What a kill leaves: lines that the cursor file does not cover.
    appendFileSync(out, '{"rollout": "r00')
    await record(
      database,
      ids(70, 75).map((id) => ({ id, at: 1 })),
    )
    const again = await run('--out', out, '--json')
    expect(JSON.parse(again.out)).toMatchObject({ lines: 5, lines_in_all: 75, out })
    expect(rolloutsIn(readFileSync(out, 'utf8'))).toEqual(ids(0, 75))
    const other = await run('--out', out, '--min-score', '0.5')
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('with other options')])
    const own = join(folder, 'own.jsonl')
    writeFileSync(own, 'mine\n')
    expect(await run('--out', own)).toMatchObject({ code: 1, err: expect.stringContaining('exists, but') })
    expect(readFileSync(own, 'utf8')).toBe('mine\n')
    expect(existsSync(`${own}.cursor`)).toBe(false)
  })

  it('resumes a file whose first attempt wrote nothing, and one of the last seven days', async () => {
    const out = join(folder, 'again.jsonl')
    const unreachable = await scorekeeper(['export', '--out', out], {
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    })
    expect(unreachable.code).toBe(1)
    await record(database, [{ id: 'a' }])
    const args = ['--out', out, '--since', '4000d']
    expect(await run(...args)).toMatchObject({ code: 0 })
    await record(database, [{ id: 'b', at: 1 }])
    expect(await run(...args)).toMatchObject({ code: 0 })
    expect(rolloutsIn(readFileSync(out, 'utf8'))).toEqual(['a', 'b'])
  })

  it('is complete after a partial write to a full disk, once there is space', async () => {
    const names = ids(0, 120)
    await record(
      database,
      names.map((id) => ({ id })),
    )
    const out = join(folder, 'full.jsonl')
    const options = { cwd: scorekeeperFolder, env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: database.url } }
    const command = [process.execPath, ...scorekeeperArgs('export', '--out', out)]
    // A file may have 60 blocks of 512 bytes or of 1,024, which is less than there is to write.
    const child = spawn('sh', ['-c', 'ulimit -f 60; exec "$@"', 'sh', ...command], options)
    let err = ''
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString()
    })
    const [code] = await once(child, 'close')
    expect([code, err]).toEqual([1, expect.stringContaining('EFBIG')])
    expect(await run('--out', out)).toMatchObject({ code: 0 })
    expect(rolloutsIn(readFileSync(out, 'utf8'))).toEqual(names)
  })

  it('is complete after it was killed and started again', async () => {
    const names = ids(0, 700)
    await database.sql`
      insert into rollouts (run, id, item_hash, created_at) select 'default', 'r' || lpad(n::text, 4, '0'), 'i', '2026-10-01' from generate_series(0, 699) n`
    await database.sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms, created_at)
      select run, number, 'g', '1', 'trainer', 's', jsonb_build_object('output_text', repeat('x', 50000)), 'i', 'scored', 1, 1, '2026-10-01'
      from rollouts`
    const out = join(folder, 'killed.jsonl')
    const options = { cwd: scorekeeperFolder, env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: database.url } }
    const child = spawn(process.execPath, scorekeeperArgs('export', '--out', out), options)
    await expect
      .poll(() => (existsSync(`${out}.cursor`) ? statSync(out).size : 0), { timeout: 30_000, interval: 1 })
      .toBeGreaterThan(0)
    child.kill('SIGKILL')
    await once(child, 'close')
    const before = JSON.parse(readFileSync(`${out}.cursor`, 'utf8')).lines
    expect(before).toBeLessThan(700)
    await run('--out', out)
    expect(rolloutsIn(readFileSync(out, 'utf8'))).toEqual(names)
  }, 60_000)

  it('writes thousands of lines to a pipe without warnings', async () => {
    await database.sql`
      insert into rollouts (run, id, item_hash, created_at) select 'default', 'r' || n, 'i', '2026-10-01' from generate_series(1, 1500) n`
    await database.sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms, created_at)
      select run, number, 'g', '1', 'trainer', 's', jsonb_build_object('output_text', repeat('x', 12000)), 'i', 'scored', 1, 1, '2026-10-01' from rollouts`
    const ran = await run()
    expect([ran.code, linesOf(ran.out).length]).toEqual([0, 1500])
    expect(ran.err).not.toContain('Warning')
  })

  it('ends normally when its reader closes the pipe, as head does', async () => {
    await database.sql`
      insert into rollouts (run, id, item_hash, created_at) select 'default', 'r' || n, 'i', '2026-10-01' from generate_series(1, 400) n`
    await database.sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms, created_at)
      select run, number, 'g', '1', 'trainer', 's', jsonb_build_object('output_text', repeat('x', 20000)), 'i', 'scored', 1, 1, '2026-10-01'
      from rollouts`
    const options = { cwd: scorekeeperFolder, env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: database.url } }
    const child = spawn(process.execPath, scorekeeperArgs('export'), { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let err = ''
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString()
    })
    child.stdout.once('data', () => child.stdout.destroy())
    const [code] = await once(child, 'close')
    // A pipe holds unread lines: a cursor after them would lose them.
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^the reader closed the output .* or start again without --after\n$/),
    ])
  }, 30_000)

  it.each([
    [['--since', 'yesterday'], 2, 'is not a valid timestamp'],
    [['--outcome', 'good'], 2, 'outcome'],
    [['--format', 'csv'], 2, 'trace, chat'],
    [['--item', 'xyz'], 2, 'hash of an item'],
    [['--best-of', '0'], 2, 'whole number'],
    [['--out', 'x', '--after', '2026-11-01T12:00:00.000Z/a'], 2, 'leave out --after'],
    [['--after', 'here'], 2, 'is not a valid cursor'],
    [['--rollout', 'missing'], 1, 'no rollout "missing"'],
  ])('reports what is wrong with %j', async (args, code, message) => {
    expect(await run(...args)).toMatchObject({ code, err: expect.stringContaining(message), out: '' })
  })
})
