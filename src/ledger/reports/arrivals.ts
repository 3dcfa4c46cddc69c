import type { Sql } from 'postgres'
import { execute } from '../statement.ts'

/** A rollout that began, or a grading, as the tail of what arrives shows it. */
export interface Arrival {
  readonly key: string
  readonly kind: 'begin' | 'grading'
  /** Milliseconds since 1970. */
  readonly at: number
  readonly run: string
  readonly rollout: string
  readonly number: number
  readonly outcome: 'scored' | 'ungradable' | 'failed' | 'open'
  /** The beginning of the question, or of the answer. */
  readonly text: string | null
  readonly score: number | null
  readonly code: string | null
}

const arrivals = `
  (select 'r' || r.number as key, 'begin' as kind, (extract(epoch from r.created_at) * 1000)::float8 as at, r.run, r.id as rollout,
    r.number::float8 as number, 'open' as outcome, left(coalesce(i.content -> 'messages' -> -1 ->> 'content', i.content::text), 160) as text,
    null::float8 as score, null as code
  from rollouts r left join items i on i.run = r.run and i.hash = r.item_hash
  where r.created_at > to_timestamp($1::text::float8 / 1000) order by r.created_at desc limit $2::text::int)
  union all
  (select 'g' || g.id, 'grading', (extract(epoch from g.created_at) * 1000)::float8, g.run, r.id, r.number::float8, g.outcome,
    left(g.sample ->> 'output_text', 160), g.score, g.code
  from grades g join rollouts r on r.run = g.run and r.number = g.rollout
  where g.source = 'trainer' and g.created_at > to_timestamp($1::text::float8 / 1000) order by g.created_at desc limit $2::text::int)
  order by at, key`

/** Reads what arrived after a time in milliseconds: the latest beginnings and gradings, at most `most` of each. */
export async function readArrivals(sql: Sql, after: number, most: number): Promise<readonly Arrival[]> {
  return await execute<Arrival>(sql, { text: arrivals, values: [String(after), String(most)] })
}
