import type { Sql } from 'postgres'
import { z } from 'zod'
import { execute } from '../statement.ts'

const partsShape = z.record(z.string(), z.number())

/** The parts of the scores that trainers were sent for these rollouts, the latest of each; without those that have none. */
export async function readParts(
  sql: Sql,
  rolloutIds: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
  const text = `
    select distinct on (rollout_id) rollout_id, parts from grades
    where rollout_id = any (select jsonb_array_elements_text($1::text::jsonb))
      and outcome = 'scored' and source = 'trainer'
    order by rollout_id, id desc`
  const rows = await execute<{ rollout_id: string; parts: unknown }>(sql, {
    text,
    values: [JSON.stringify(rolloutIds)],
  })
  return new Map(
    rows.flatMap(({ rollout_id, parts }) => {
      const read = partsShape.safeParse(parts)
      return read.success ? [[rollout_id, read.data]] : []
    }),
  )
}
