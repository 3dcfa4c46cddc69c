import type { Sql } from 'postgres'
import { z } from 'zod'
import { execute } from '../statement.ts'

const content = z.record(z.string(), z.unknown())

/** The items that rollouts were recorded with, the latest used first, `most` of them at most. */
export async function recordedItems(sql: Sql, most: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const text = 'select content from items order by last_used_at desc, hash limit $1::text::int'
  const rows = await execute<{ content: unknown }>(sql, { text, values: [String(most)] })
  return rows.flatMap((row) => {
    const read = content.safeParse(row.content)
    return read.success ? [read.data] : []
  })
}
