import type { Sql } from 'postgres'
import { z } from 'zod'
import { execute } from '../statement.ts'
import type { GraderCode } from './regrading-filter.ts'

/** How many of the latest gradings {@link changedCode} reads at most, because the table may have millions. */
const latestGradings = 10_000

const latestCode = `
  select code_hash from (
    select id, created_at, grader, version, code_hash from grades where source = 'trainer'
    order by created_at desc limit ${latestGradings}
  ) g
  where grader = $1::text and version = $2::text order by created_at desc, id desc limit 1`

/**
 * The code hash of the latest grading that a trainer requested of this grader under this version, if it differs from the
 * given one: the grader changed and its version did not. Undefined if they are equal, if either is unknown, or if no
 * such grading is among the latest ten thousand.
 */
export async function changedCode(sql: Sql, { grader, version, codeHash }: GraderCode): Promise<string | undefined> {
  if (codeHash === null) return undefined
  const [row] = await execute<{ code_hash: string | null }>(sql, { text: latestCode, values: [grader, version] })
  const before = row?.code_hash ?? codeHash
  return before === codeHash ? undefined : before
}

const latestParts = `
  select distinct on (r.id) r.id, g.parts from rollouts r
  join grades g on g.run = r.run and g.rollout = r.number
  where r.run = $1::text and r.id = any (select jsonb_array_elements_text($2::text::jsonb))
    and g.outcome = 'scored' and g.source = 'trainer'
  order by r.id, g.id desc`

const partsShape = z.record(z.string(), z.number())

/** The parts of the latest score that was sent for each of these rollouts of a run; rollouts without parts are left out. */
export async function readParts(
  sql: Sql,
  run: string,
  rolloutIds: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
  const values = [run, JSON.stringify(rolloutIds)]
  const rows = await execute<{ id: string; parts: unknown }>(sql, { text: latestParts, values })
  return new Map(
    rows.flatMap(({ id, parts }) => {
      const read = partsShape.safeParse(parts)
      return read.success ? [[id, read.data]] : []
    }),
  )
}

const latestItems = 'select content from items order by last_used_at desc, hash limit $1::text::int'

const itemShape = z.record(z.string(), z.unknown())

/** The items of recorded rollouts, the most recently used first, at most `limit` of them. */
export async function recordedItems(sql: Sql, limit: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows = await execute<{ content: unknown }>(sql, { text: latestItems, values: [String(limit)] })
  return rows.flatMap((row) => {
    const read = itemShape.safeParse(row.content)
    return read.success ? [read.data] : []
  })
}
