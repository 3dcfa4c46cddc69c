import type { Sql } from 'postgres'
import { execute } from '../statement.ts'
import type { GraderCode } from './regrading-filter.ts'

/** So many of the latest gradings are looked at: a table of millions is not read for it. */
const lookedAt = 10_000

const asking = `
  select code_hash from (
    select id, grader, version, source, code_hash from grades order by id desc limit ${lookedAt}
  ) g
  where grader = $1::text and version = $2::text and source = 'trainer' order by id desc limit 1`

/**
 * The hash of the code that made the latest grading which a trainer asked of this grader under this version, when it is
 * another than the one given: somebody changed the grader and not its version. Undefined when it is the same, when one of
 * the two is not known, or when no such grading is among the latest ten thousand.
 */
export async function changedCode(sql: Sql, { grader, version, codeHash }: GraderCode): Promise<string | undefined> {
  if (codeHash === null) return undefined
  const [row] = await execute<{ code_hash: string | null }>(sql, { text: asking, values: [grader, version] })
  const before = row?.code_hash ?? codeHash
  return before === codeHash ? undefined : before
}
