import { beforeAll, describe, expect, it } from 'vitest'
import type { Grader } from '../../../../src/kit/define-grader.ts'
import { noJudge } from '../../../../src/kit/judge.ts'
import { createLedger } from '../../../../src/ledger/ledger.ts'
import { withComparison } from '../../../../src/ledger/reports/regrading-comparison.ts'
import type { RegradingFilter } from '../../../../src/ledger/reports/regrading-filter.ts'
import { readReport } from '../../../../src/ledger/reports/regrading-report.ts'
import { subjectPages } from '../../../../src/ledger/reports/regrading-subjects.ts'
import type { Database } from '../../../../src/postgres/database.ts'
import { runRegrading } from '../../../../src/workbench/regrade/run.ts'
import { parseWhere } from '../../../../src/workbench/regrade/where.ts'
import { useDatabase } from '../../../support/database.ts'
import { figuresOf, type Pair, pairsOf } from '../../../support/regrade/direct-count.ts'
import { code, graded, gradeRows, seed } from '../../../support/regrade/seeded.ts'

const never = new AbortController().signal

/** Re-grades the rollouts, and returns their number. */
async function regrade(
  database: Database,
  grader: Grader,
  filter: RegradingFilter = {},
  concurrency = 8,
  pageSize = 50,
) {
  let count = 0
  await runRegrading({
    sql: database.sql,
    ledger: createLedger({ ...database, budget: undefined, now: Date.now }),
    grader,
    code: { grader: grader.name, version: grader.version, codeHash: grader.codeHash ?? null },
    filter,
    services: { db: database.db, embed: undefined, judge: noJudge, graderSeconds: 5, stopping: never },
    concurrency,
    pageSize,
    ending: never,
    onRegraded: () => {
      count += 1
    },
  })
  return count
}

const reportOf = (database: Database, filter: RegradingFilter = {}, of = code) =>
  withComparison(database.sql, of, filter, (tx) => readReport(tx, of, 10, [0, 1]))

describe('re-grading 400 recorded rollouts', () => {
  const database = useDatabase()
  let earlier: unknown
  let again: number
  const recorded = () =>
    database.sql`select g::text from ledger.gradings g where source = 'trainer' or version <> '2' order by id`.then(
      (rows) => [...rows],
    )

  beforeAll(async () => {
    await seed(database.sql, 400)
    earlier = await recorded()
    again = await regrade(database, graded)
  })
  it('grades each sample that a trainer had graded, once', async () => {
    const pairs = pairsOf(await gradeRows(database.sql))
    expect(pairs.length).toBeGreaterThan(400)
    expect(again).toBe(pairs.length)
    const rows =
      await database.sql`select rollout_id, sample_hash from ledger.gradings where source = 'regrade' and version = '2'`
    expect(rows.length).toBe(pairs.length)
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(pairs.length)
  })

  it('leaves every earlier row unchanged, byte for byte', async () => {
    expect(await recorded()).toEqual(earlier)
  })

  it('records a score with its parts and reason, the version and the code', async () => {
    const row = (await gradeRows(database.sql)).find((one) => one.rollout_id === 'r14' && one.version === '2')
    const parts = { number: 0.5, thrift: 0.6, notes: 2 }
    const said = { source: 'regrade', outcome: 'scored', score: 0.3, code_hash: 'c0de2', reason: '0.5 after 4 calls' }
    expect(row).toMatchObject({ ...said, parts })
  })

  it('records failed and ungradable gradings as such, never with a score', async () => {
    const after = (await gradeRows(database.sql)).filter((one) => one.version === '2')
    const failing = await database.sql<{ id: string }[]>`
      select distinct rollout_id as id from ledger.calls where outcome = 'failed'`
    const failed = new Set(failing.map(({ id }) => id))
    expect(failed.size).toBeGreaterThan(5)
    for (const { rollout_id, sample, outcome, score, code: why, reason } of after) {
      const text = sample.output_text
      if (failed.has(rollout_id)) expect([outcome, score, why]).toEqual(['ungradable', null, 'rollout_has_failed_call'])
      else if (text === 'throw') {
        expect([outcome, score, why]).toEqual(['failed', null, 'grader_failed'])
        expect(reason).toContain('TypeError: a bug in the grader')
      } else if (text === 'nan') expect([outcome, score, why]).toEqual(['failed', null, 'grader_gave_no_number'])
      else if (text === 'judge') expect([outcome, score, why]).toEqual(['ungradable', null, 'judge_unavailable'])
      else expect([outcome, why]).toEqual(['scored', null])
    }
    expect(new Set(after.map(({ code: why }) => why)).size).toBe(5)
  })

  const agree = async (filter: RegradingFilter, has: (pair: Pair) => boolean, limit?: number) => {
    const pairs = pairsOf(await gradeRows(database.sql)).sort((a, b) => a.first.id - b.first.id)
    const { parts, moves, spearman, mean_before, mean_after, ...counts } = figuresOf(pairs.filter(has).slice(0, limit))
    const report = await reportOf(database, { ...filter, limit })
    expect(counts.subjects).toBeGreaterThan(0)
    expect(report).toMatchObject(counts)
    expect(report.mean_before).toBeCloseTo(mean_before, 10)
    expect(report.mean_after).toBeCloseTo(mean_after, 10)
    expect(report.spearman).toBeCloseTo(spearman, 10)
    const rounded = (means: readonly (number | null)[]) => means.map((one) => one?.toFixed(9))
    const told = report.parts.map(
      (one) => [one.name, [one.before, one.after, one.count_before, one.count_after]] as const,
    )
    expect(new Map(told.map(([name, means]) => [name, rounded(means)]))).toEqual(
      new Map([...parts].map(([name, means]) => [name, rounded(means)])),
    )
    for (const { question, answer, calls } of report.movers) {
      expect(question).toMatch(/^question \d+$/)
      expect(answer).not.toBeNull()
      for (const call of calls)
        expect(call).toEqual({ tool: expect.any(String), arguments: '{}', outcome: expect.any(String) })
    }
    const found = report.movers.map(({ before, after }) => Math.abs(after - before).toFixed(9))
    expect(found).toEqual(
      moves
        .slice(0, 10)
        .filter((move) => move > 1e-9)
        .map((move) => move.toFixed(9)),
    )
    for (const side of ['before', 'after'] as const) {
      expect(report.histogram[side].reduce((sum, count) => sum + count, 0)).toBe(counts.compared)
    }
    return report
  }

  it('reports the same as a direct count', async () => {
    const report = await agree({}, () => true)
    expect(report.before.map(({ source, version }) => `${source} ${version}`)).toEqual(['trainer 1', 'regrade 1'])
    expect(report.compared).toBeGreaterThan(150)
    expect(report.newly_scored).toBeGreaterThan(5)
    expect(report.no_longer_scored).toBeGreaterThan(5)
    expect(report.other_code).toEqual([])
  })

  const where: readonly (readonly [string, (pair: Pair) => boolean])[] = [
    ['score < 0.5', ({ before }) => before?.score != null && before.score < 0.5],
    [
      'score>=0.5 and version=1',
      ({ before }) => before?.score != null && before.score >= 0.5 && before.version === '1',
    ],
    ['outcome != failed', ({ before }) => before?.outcome !== 'failed'],
    ['part.number > 0.4', ({ before }) => (before?.parts?.['number'] ?? 0) > 0.4],
    ['tool = cat and calls <= 3', ({ first }) => [2, 3].includes(Number(first.rollout_id.slice(1)) % 5)],
    ['tool != cat', ({ first }) => Number(first.rollout_id.slice(1)) % 5 < 2],
  ]
  it.each(where)('reports the rollouts with %s', async (text, has) => {
    const report = await agree({ conditions: parseWhere(text) }, has)
    expect(report.subjects).toBeLessThan((await reportOf(database)).subjects)
  })

  it('reports rollouts by time range, by item, and up to a limit', async () => {
    const [since, until] = [new Date('2026-01-01T01:00:00Z'), new Date('2026-01-01T04:00:00Z')]
    await agree({ since, until }, ({ first }) => first.created_at >= since && first.created_at < until)
    const item = (await gradeRows(database.sql))[5]?.item_hash ?? ''
    await agree({ item: item.slice(0, 10) }, ({ first }) => first.item_hash === item)
    await agree({}, () => true, 60)
  })

  it('reads pages of the given size, the oldest rollouts first, each once', async () => {
    const read = async (filter: RegradingFilter, size: number) => {
      const pages = []
      for await (const page of subjectPages(database.sql, code, filter, size)) pages.push(page.map(({ id }) => id))
      return pages
    }
    const all = pairsOf(await gradeRows(database.sql)).map(({ first }) => first.id)
    const pages = await read({}, 50)
    expect(pages.flat()).toEqual(all.sort((a, b) => a - b))
    expect(pages.slice(0, -1).every((page) => page.length === 50)).toBe(true)
    expect(pages.length).toBe(Math.ceil(all.length / 50))
    expect((await read({ limit: 70 }, 50)).map((page) => page.length)).toEqual([50, 20])
    expect((await read({ limit: 50 }, 50)).map((page) => page.length)).toEqual([50])
  })

  it('retries only failures the next time', async () => {
    const { failed, ungradable } = await reportOf(database)
    expect(await regrade(database, graded)).toBe(failed + ungradable)
    expect(await reportOf(database)).toMatchObject({ failed, ungradable })
    const rows = await database.sql`
      select 1 from ledger.gradings where source = 'regrade' and version = '2' and outcome = 'scored'
      group by rollout_id, sample_hash having count(*) > 1`
    expect(rows.length).toBe(0)
  })

  it('grades everything again after a code change, and reports that the version did not change', async () => {
    const changed = { ...graded, codeHash: 'c0de3' }
    const before = (await reportOf(database)).scored
    await regrade(database, changed)
    const other = { ...code, codeHash: 'c0de3' }
    const report = await reportOf(database, {}, other)
    expect(report.scored).toBe(before)
    // Where the trainer was sent a score, that one is compared with.
    expect(report.other_code).toEqual([{ code_hash: 'c0de2', source: 'regrade', count: expect.any(Number) }])
    expect(report.other_code[0]?.count).toBeLessThan(report.compared)
  })

  it.each([
    [
      'a text',
      [
        { role: 'user', content: 'first' },
        { role: 'user', content: 'how much?' },
        { role: 'assistant', content: 'so' },
      ],
    ],
    [
      'parts',
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'how' },
            { type: 'text', text: 'much?' },
          ],
        },
      ],
    ],
  ])('shows the user’s last question for the largest changes, with content as %s', async (_, messages) => {
    await database.sql`update items set content = content || ${JSON.stringify({ messages })}::text::jsonb`
    const { movers } = await reportOf(database, {})
    expect(new Set(movers.map(({ question }) => question?.replace(/\s+/g, ' ')))).toEqual(new Set(['how much?']))
  })

  it('can use a grader that was never used before', async () => {
    const fresh = { ...graded, name: 'fresh', codeHash: undefined }
    const unknown = { grader: 'fresh', version: '2', codeHash: null }
    const count = await regrade(database, fresh)
    expect(await reportOf(database, {}, unknown)).toMatchObject({
      subjects: count,
      compared: 0,
      before: [],
      spearman: null,
    })
    const { failed, ungradable } = await reportOf(database, {}, unknown)
    expect(await regrade(database, fresh)).toBe(failed + ungradable)
  })
})
