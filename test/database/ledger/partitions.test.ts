import { setTimeout as sleep } from 'node:timers/promises'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import type { Hooks } from '../../../src/kit/hooks.ts'
import { beginningText } from '../../../src/ledger/begin.ts'
import { callText } from '../../../src/ledger/calls/call-statement.ts'
import { renewalText, settlingText } from '../../../src/ledger/calls/claims.ts'
import { lookupText } from '../../../src/ledger/calls/lookup.ts'
import { additionText, insertionText, openingText } from '../../../src/ledger/calls/transaction-statements.ts'
import { gradingLookupText } from '../../../src/ledger/gradings/grading-lookup.ts'
import { gradingsText } from '../../../src/ledger/gradings/gradings.ts'
import { replaysText } from '../../../src/ledger/replays.ts'
import { readerText } from '../../../src/ledger/rollout.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { explaining, partitionByRun, partitionOf } from '../../support/postgres/partitioned.ts'

// What a distributed Postgres demands: it keeps a run's rows together and runs each statement where they are.
const plain = useDatabase()
const partitioned = useDatabase()
let explainer: Sql

beforeAll(async () => {
  explainer = postgres(partitioned.url, { max: 1, onnotice() {} })
  await partitionByRun(partitioned.sql)
})

afterAll(() => explainer.end())

const kinds = ['none', 'database', 'external'] as const

/** The tools; those named `flaky-…` fail at their first execution. */
function makeTools() {
  const input = z.object({ text: z.string() })
  const head = { description: 'Does what the text says.', input }
  const failed = new Set<string>()
  const answer = (kind: string, key: string, text: string) => {
    if (text === 'refuse') throw new ToolError('try another text')
    if (text === 'fail once' && !failed.has(key)) {
      failed.add(key)
      throw new Error('broken')
    }
    return `${kind}: ${text}`
  }
  return [
    defineTool({
      ...head,
      name: 'none',
      effects: 'none',
      run: ({ input, run, rolloutId }) => answer('none', `none/${run}/${rolloutId}`, input.text),
    }),
    defineTool({
      ...head,
      name: 'database',
      effects: 'database',
      run({ input, state, run, rolloutId }) {
        state.notes.push(input.text)
        return answer('database', `database/${run}/${rolloutId}`, input.text)
      },
    }),
    defineTool({
      ...head,
      name: 'external',
      effects: 'external',
      async run({ input, updateState, run, rolloutId }) {
        // Longer than a third of the lease.
        if (input.text === 'slow') await sleep(600)
        if (input.text === 'state') updateState((state) => state.notes.push('external'))
        return answer('external', `external/${run}/${rolloutId}`, input.text)
      },
    }),
  ]
}

const grader = defineGrader({
  name: 'count',
  version: '1',
  range: [0, 1_000],
  grade: ({ trajectory, state, sample }) => trajectory.length * 10 + state.notes.length + Number(sample.output_text),
})

/** Plays rollouts of several runs at once; resolves with every answer. */
async function play(database: Pick<Database, 'sql' | 'db'>, runs: readonly string[], hooks: Hooks): Promise<unknown[]> {
  const endings: (() => Promise<void>)[] = []
  const options = { tools: makeTools(), graders: [grader], limits: { leaseSeconds: 1 }, hooks }
  const app = testApp(database, { ...options, atEnd: (work) => void endings.push(work) })
  const item = { question: 'how much?' }
  const rollout = async (run: string, id: string): Promise<unknown[]> => {
    const seen: unknown[] = []
    const call = async (name: string, callId: string, text: string, of: unknown = item) => {
      const { status, body, headers } = await post(
        app,
        `/runs/${run}/tools/${name}`,
        toolCall(name, id, callId, { text }, of),
      )
      seen.push([name, callId, text, status, body.output, body.error?.code, headers.get('x-replayed')])
    }
    const grade = async (output: string, of: unknown = item) => {
      const { status, body, headers } = await post(app, `/runs/${run}/grade`, gradingOf(id, output, of))
      seen.push(['grade', output, status, body.score, body.error?.code, headers.get('x-replayed')])
    }
    for (const kind of kinds) {
      await call(kind, kind, 'read')
      await call(kind, kind, 'read')
      await call(kind, kind, 'another use of the id')
    }
    await call('external', 'slow', 'slow')
    // An attempt of its own for calls that fail, and one after the first grading for the state.
    await grade('1')
    await grade('1')
    await grade('2')
    await call('external', 'state', 'state')
    for (const kind of kinds) {
      await call(kind, `refused-${kind}`, 'refuse')
      await call(kind, `failed-${kind}`, 'fail once')
      await call(kind, `failed-${kind}`, 'fail once')
    }
    await call('database', 'eighth', 'read')
    await call('none', 'ninth', 'read')
    await call('none', 'tenth', 'read')
    await call('none', 'over', 'read')
    await call('database', 'over', 'read')
    await grade('3')
    // Another item is another attempt; late retries of the earlier one find what is stored.
    await call('database', 'next', 'read', { question: 'how many?' })
    await call('none', 'ninth', 'read')
    await call('database', 'eighth', 'read')
    await grade('3')
    await grade('4', { question: 'how many?' })
    return seen
  }
  const played = await Promise.all(runs.flatMap((run) => ['a', 'b'].map((id) => rollout(run, id))))
  for (const end of endings) await end()
  return played
}

const stored = async ({ sql }: Pick<Database, 'sql'>): Promise<unknown[]> =>
  await Promise.all([
    sql`select name from runs order by 1`,
    sql`select run, hash, content from items order by 1, 2`,
    sql`
      select run, id, attempt, item_hash, calls, state, graded_at is not null as graded, ended_at, outcome from rollouts
      order by 1, 2, 3`,
    sql`
      select run, rollout_id, attempt, call_id, nth, seq, tool, arguments, outcome, output, code, execution, state_before,
        state_after from ledger.calls order by 1, 2, 3, 4, 5`,
    sql`
      select run, rollout_id, attempt, grader, sample_hash, item_hash, outcome, score from ledger.gradings
      order by 1, 2, 3, 4, 5, 6`,
    sql`
      select r.run, r.id, r.attempt, p.calls, p.gradings from replays p join rollouts r on r.run = p.run and r.number = p.rollout
      order by 1, 2, 3`,
  ])

const hot = [
  callText,
  lookupText,
  openingText,
  additionText,
  settlingText,
  renewalText,
  gradingLookupText,
  gradingsText,
]

interface Case {
  readonly of: string
  readonly runs: readonly string[]
  readonly hooks: Hooks
  /** The statement that makes an attempt. */
  readonly making: string
}

it.each<Case>([
  {
    of: 'without a begin hook',
    making: insertionText,
    runs: ['first', 'second', 'third', 'fourth', 'fifth', 'sixth'],
    hooks: {},
  },
  { of: 'with one', making: beginningText, runs: ['begun-1', 'begun-2'], hooks: { begin: async () => {} } },
])(
  'does the same with tables that are partitioned by run, each statement visiting one partition: $of',
  async ({ runs, hooks, making }) => {
    const expected = await play(plain, runs, hooks)
    const database = explaining(partitioned.another(), explainer)
    expect(await play(database, runs, hooks)).toEqual(expected)
    expect(await stored(partitioned)).toEqual(await stored(plain))

    const places = new Map<string, number>()
    for (const run of runs) places.set(run, await partitionOf(partitioned.sql, run))
    expect(new Set(places.values()).size).toBeGreaterThan(1)
    const texts = new Set(database.visited.map(({ text }) => text))
    expect([...hot, making, readerText, replaysText].filter((text) => !texts.has(text))).toEqual([])
    const visits: unknown[] = []
    for (const { text, values, tables } of database.visited) {
      const run = runs.filter((name) => values.includes(name))
      const elsewhere = tables.filter((table) => /_\d$/u.test(table) && !table.endsWith(`_${places.get(run[0] ?? '')}`))
      if (run.length !== 1 || elsewhere.length > 0) visits.push({ text, run, elsewhere })
    }
    expect(visits).toEqual([])
    const reading = database.visited.filter(({ tables }) => tables.some((table) => /_\d$/u.test(table)))
    expect(reading.length).toBeGreaterThan(30 * runs.length)
  },
  120_000,
)
