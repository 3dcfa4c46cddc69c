import { beforeAll, describe, expect, it } from 'vitest'
import { readSpread } from '../../../../src/ledger/reports/spread.ts'
import { spreadReport } from '../../../../src/workbench/check-grader/spread-report.ts'
import { useDatabase } from '../../../support/database.ts'
import { type GradeRow, gradeRows, seed } from '../../../support/regrade/seeded.ts'

const database = useDatabase()
let rows: readonly GradeRow[]

beforeAll(async () => {
  await seed(database.sql, 300)
  rows = await gradeRows(database.sql)
  return async () => {}
})

const solvedAt = 0.75

/** The spread of these gradings, computed without the database. */
function counted(gradings: readonly GradeRow[]) {
  const latest = new Map(gradings.map((row) => [row.rollout_id, row]))
  const groups = new Map<string, number[]>()
  for (const { item_hash, score } of latest.values()) {
    groups.set(item_hash, [...(groups.get(item_hash) ?? []), score ?? Number.NaN])
  }
  const scores = [...groups.values()]
  const many = scores.filter((group) => group.length > 1)
  const failing = (group: readonly number[]) => group.filter((score) => score < solvedAt).length
  return {
    rollouts: latest.size,
    failing: failing(scores.flat()),
    items: scores.length,
    groups: many.length,
    withoutSpread: many.filter((group) => new Set(group).size === 1).length,
    neverSolved: many.filter((group) => failing(group) === group.length).length,
    alwaysSolved: many.filter((group) => failing(group) === 0).length,
  }
}

describe('the spread of recorded scores', () => {
  it('equals a direct count of the trainer’s latest gradings', async () => {
    const told = rows.filter((row) => row.grader === 'graded' && row.outcome === 'scored' && row.source === 'trainer')
    expect(await readSpread(database.sql, { grader: 'graded', solvedAt })).toMatchObject(counted(told))
    expect(counted(told).rollouts).toBeGreaterThan(200)
  })

  it('of one version includes its re-gradings', async () => {
    const one = rows.filter((row) => row.grader === 'graded' && row.outcome === 'scored' && row.version === '1')
    expect(one.some(({ source }) => source === 'regrade')).toBe(true)
    expect(await readSpread(database.sql, { grader: 'graded', version: '1', solvedAt })).toMatchObject(counted(one))
  })

  it('can be limited to a time range', async () => {
    const [since, until] = [new Date('2026-01-01T01:00:00Z'), new Date('2026-01-01T03:20:00Z')]
    const then = rows.filter(
      (row) => row.grader === 'other' && row.outcome === 'scored' && row.created_at >= since && row.created_at < until,
    )
    expect(then.length).toBeGreaterThan(5)
    const spread = await readSpread(database.sql, { grader: 'other', since, until, solvedAt })
    expect(spread).toMatchObject(counted(then))
  })
})

describe('the reported groups', () => {
  it('are those without a spread or never solved, with their items, largest first, at most ten', async () => {
    const { worthALook, alwaysSolved } = await readSpread(database.sql, { grader: 'other', solvedAt })
    expect(alwaysSolved).toBeGreaterThan(0)
    expect(worthALook.length).toBe(Math.min(10, alwaysSolved))
    expect(worthALook[0]).toMatchObject({ failing: 0, least: 1, most: 1, content: { question: /^question \d+$/ } })
    const sizes = worthALook.map(({ rollouts }) => rollouts)
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
  })

  it('are reported without deleted items', async () => {
    await database.sql`delete from tool_calls`
    await database.sql`delete from rollouts`
    await database.sql`delete from items`
    const spread = await readSpread(database.sql, { grader: 'other', solvedAt })
    expect(spread.worthALook[0]).toMatchObject({ failing: 0, content: null })
    expect(spreadReport(spread)).toContain('always solved: the item was deleted')
  })
})
