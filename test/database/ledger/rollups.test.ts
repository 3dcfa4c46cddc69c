import { beforeEach, describe, expect, it } from 'vitest'
import { deleteEmptyRun } from '../../../src/ledger/deleting.ts'
import { deleteOldMinutes } from '../../../src/ledger/rollups/alarms.ts'
import { foldTurn } from '../../../src/ledger/rollups/fold.ts'
import { durationEdges, type Stats } from '../../../src/ledger/rollups/stats.ts'
import { useDatabase } from '../../support/database.ts'
import { foldAll, type RecordedRollout, recordHistory } from '../../support/rollups/history.ts'

const database = useDatabase()
const { sql } = database

beforeEach(async () => {
  await sql`truncate runs, items, rollouts, tool_calls, grades, rollups, rollup_runs, rollup_groups, rollup_open, rollup_cursor`
})

/** Two hours ago, at a full minute. */
const start = Math.floor(Date.now() / 60_000) * 60_000 - 7_200_000
const minute = 60_000

async function bucketsOf(kind: string, run = 'run'): Promise<readonly (Stats & { readonly bucket: number })[]> {
  const rows = await sql<{ bucket: number; stats: Stats }[]>`
    select bucket::float8 as bucket, stats from rollups where run = ${run} and kind = ${kind} order by bucket`
  return rows.map(({ bucket, stats }) => ({ ...stats, bucket }))
}

/** Everything that the sums consist of. */
async function everything() {
  const rows = await sql`
    select run, kind, bucket::text, first_at, last_at, stats from rollups order by run, kind, bucket`
  const groups = await sql`select * from rollup_groups order by run, item_hash, visit`
  return { rows: [...rows], groups: [...groups] }
}

const rolloutsOf = (at: number, items: readonly string[], scores: readonly number[]): RecordedRollout[] =>
  items.flatMap((item, n) =>
    scores.map((score, m) => ({
      at: at + n * 1_000 + m,
      item,
      calls: [{}, { tool: 'note' }],
      gradings: [{ score, parts: { answer: score, short: 1 } }],
    })),
  )

describe('the sums of a run', () => {
  it('have a burst for each pause of more than a minute, or of another gap that the server has', async () => {
    const steps = [0, 10_000, 40_000, 140_000].map((at) => ({ at: start + at, item: 'a', gradings: [{ score: 1 }] }))
    const began = async () => (await bucketsOf('burst')).map(({ began }) => began)
    await recordHistory(sql, steps)
    await foldAll(sql)
    expect(await began()).toEqual([3, 1])
    await sql`truncate rollups, rollup_runs, rollup_groups, rollup_open, rollup_cursor`
    await foldTurn(sql, { burstGapSeconds: 12.5 })
    expect(await began()).toEqual([2, 1, 1])
  })

  it('count rollouts, scores, parts and calls by burst, visit and minute', async () => {
    await recordHistory(sql, [
      ...rolloutsOf(start, ['a', 'b'], [0, 1]),
      ...rolloutsOf(start + 5 * minute, ['a', 'c'], [1, 1]),
    ])
    await foldAll(sql)
    const [first, second, ...none] = await bucketsOf('burst')
    expect(none).toEqual([])
    expect(first).toMatchObject({ bucket: 1, began: 4, scored: 4, items: 2, groups: 2, flat: 0, solved: 0 })
    expect(first?.score).toEqual({ count: 4, sum: 2, squares: 2, least: 0, most: 1 })
    expect(first?.parts['answer']).toMatchObject({ count: 4, sum: 2 })
    expect(first?.tools['note']).toMatchObject({ ok: 4, refused: 0, failed: 0 })
    expect(first?.calls).toMatchObject({ count: 4, sum: 8 })
    expect(second).toMatchObject({ bucket: 2, groups: 2, flat: 2, solved: 2, unsolved: 0 })
    const visits = await bucketsOf('visit')
    expect(visits.map(({ bucket, began }) => [bucket, began])).toEqual([
      [1, 6],
      [2, 2],
    ])
    const minutes = await bucketsOf('minute')
    expect(minutes.map(({ bucket, began }) => [bucket, began])).toEqual([
      [start / minute, 4],
      [start / minute + 5, 4],
    ])
    const [total] = await bucketsOf('total')
    expect(total).toMatchObject({ bucket: 0, began: 8, scored: 8 })
  })

  it('are the same however many facts a turn reads', async () => {
    const failed: RecordedRollout = {
      at: start + 30_000,
      item: 'a',
      calls: [
        { outcome: 'failed', code: 'tool_failed' },
        { outcome: 'refused', code: 'refused_by_tool' },
      ],
      gradings: [{ outcome: 'failed' }, { score: 0.5, after: 90_000 }],
    }
    await recordHistory(sql, [
      ...rolloutsOf(start, ['a', 'b', 'c'], [0, 1, 0.25, 0.5]),
      failed,
      ...rolloutsOf(start + 20 * minute, ['d', 'e'], [0, 0]),
      { at: start + 21 * minute, item: 'd', calls: [{}, { outcome: 'failed', code: 'tool_failed' }], isEnded: true },
    ])
    await foldAll(sql)
    const whole = await everything()
    await sql`truncate rollups, rollup_runs, rollup_groups, rollup_open, rollup_cursor`
    await foldAll(sql, 1)
    expect(await everything()).toEqual(whole)
    await foldAll(sql, 2)
    expect(await everything()).toEqual(whole)
  })

  it('count a rollout that failed and was scored later as scored', async () => {
    const rollout = { at: start, item: 'a' }
    await recordHistory(sql, [
      { ...rollout, gradings: [{ outcome: 'failed' }, { score: 1, after: 2_000 }] },
      { ...rollout, gradings: [{ outcome: 'ungradable' }, { outcome: 'failed', after: 2_000 }] },
    ])
    await foldAll(sql)
    const [burst] = await bucketsOf('burst')
    expect(burst).toMatchObject({ scored: 1, failed: 1, ungradable: 0 })
    expect(burst?.graders['exact']).toMatchObject({ scored: 1, failed: 2, ungradable: 1 })
    expect(burst?.codes).toEqual({ 'grading grader_failed': 3 })
  })

  it('count the calls of a rollout once, whether it is graded at once, late, or never', async () => {
    const old = Date.now() - 5 * minute
    await recordHistory(sql, [
      { at: old, item: 'a', calls: [{}, {}, { outcome: 'running' }] },
      { at: old, item: 'b', calls: [{}], isEnded: true },
    ])
    await foldAll(sql)
    expect((await bucketsOf('total'))[0]?.tools['search']).toMatchObject({ ok: 3 })
    await sql`update tool_calls set outcome = 'ok', finished_at = now() where outcome = 'running'`
    await sql`update rollup_open set due_at = now()`
    await foldAll(sql)
    expect((await bucketsOf('total'))[0]?.tools['search']).toMatchObject({ ok: 4 })
    await sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
      select run, number, 'exact', '1', 'trainer', 'x', '{}', item_hash, 'scored', 1, 5 from rollouts where ended_at is null`
    await sql`update rollouts set graded_at = now() where ended_at is null`
    await expect
      .poll(async () => {
        await foldAll(sql)
        return (await bucketsOf('total'))[0]?.scored
      })
      .toBe(1)
    const [total] = await bucketsOf('total')
    expect(total?.tools['search']).toMatchObject({ ok: 4 })
    expect(total?.calls).toMatchObject({ count: 1, sum: 3 })
    expect(await sql`select * from rollup_open`).toHaveLength(0)
  })

  it('have the durations, executions, codes and bytes of calls, by the minute in which each finished', async () => {
    const calls = [
      // On an edge, in the next bucket, and beyond the last edge.
      { ms: 0 },
      { ms: 1 },
      { ms: 2 },
      { ms: 3 },
      { ms: 10 },
      { ms: 11, execution: 3, output: 'é' },
      { ms: 400_000, outcome: 'failed', code: 'tool_failed' },
      { outcome: 'refused', code: 'budget_used_up', tool: 'note' },
    ] as const
    const after = 500_000
    await recordHistory(sql, [
      { at: start, item: 'a', calls, gradings: [{ score: 1, after }] },
      { at: start, item: 'b', calls: [{}], gradings: [{ score: 0, after }] },
    ])
    await foldAll(sql)
    const [total] = await bucketsOf('total')
    const edges = [...durationEdges, Number.POSITIVE_INFINITY]
    const expected = edges.map((edge, at) => {
      const isIn = (ms: number) => ms <= edge && ms > (edges[at - 1] ?? Number.NEGATIVE_INFINITY)
      return [0, 1, 2, 3, 10, 11, 400_000, 10].filter(isIn).length
    })
    expect(total?.tools['search']).toEqual({
      ok: 7,
      refused: 0,
      failed: 3,
      durations: expected,
      bytes: 'found'.length * 7 + 2,
    })
    expect(total?.tools['note']).toMatchObject({ ok: 0, refused: 1 })
    expect(total?.codes).toEqual({ 'call tool_failed': 1, 'call budget_used_up': 1 })
    expect(total).toMatchObject({ exhausted: 1, calls: { count: 2, sum: 9 } })
    const late = (await bucketsOf('minute')).find(({ bucket }) => bucket === (start + 400_000 - 40_000) / minute)
    expect(late?.tools).toMatchObject({ search: { ok: 0, failed: 1 } })
  })

  it('contain a rollout whose transaction began earlier and commits later than a turn', async () => {
    const other = database.another(1)
    const turn = other.sql.begin(async (tx) => {
      await tx`insert into runs (name) values ('run')`
      await tx`insert into rollouts (run, id, item_hash) values ('run', 'late', 'x')`
      await recordHistory(sql, [{ run: 'other', at: Date.now(), item: 'a' }])
      await foldAll(sql)
      expect(await bucketsOf('total')).toEqual([])
    })
    await turn
    await expect
      .poll(async () => {
        await foldAll(sql)
        return (await bucketsOf('total')).map(({ began }) => began)
      })
      .toEqual([1])
  })

  it('are written by one replica at a time', async () => {
    await recordHistory(sql, rolloutsOf(start, ['a', 'b'], [0, 1]))
    const replicas = [database.another(2), database.another(2)]
    const turns = await Promise.all(Array.from({ length: 8 }, (_, n) => foldTurn(replicas[n % 2]?.sql ?? sql)))
    expect(turns).toContain('done')
    await foldAll(sql)
    expect((await bucketsOf('total'))[0]).toMatchObject({ began: 4, scored: 4 })
  })
})

it('a run that is deleted takes its sums with it', async () => {
  await recordHistory(sql, [...rolloutsOf(start, ['a'], [0, 1]), { run: 'other', at: start, item: 'a' }])
  await foldAll(sql)
  await sql`delete from rollouts where run = 'run'`
  await deleteEmptyRun(sql, 'run', 100)
  expect(await sql`select distinct run from rollups`).toEqual([{ run: 'other' }])
  expect(await sql`select distinct run from rollup_groups`).toEqual([{ run: 'other' }])
})

it('sums by minute are deleted after some time, and those by burst are kept', async () => {
  await recordHistory(sql, [...rolloutsOf(start - 90 * 86_400_000, ['a'], [0, 1]), ...rolloutsOf(start, ['b'], [0, 1])])
  await foldAll(sql)
  expect(await deleteOldMinutes(sql, 60)).toBe(1)
  expect((await bucketsOf('minute')).map(({ began }) => began)).toEqual([2])
  expect((await bucketsOf('burst')).map(({ began }) => began)).toEqual([2, 2])
})
