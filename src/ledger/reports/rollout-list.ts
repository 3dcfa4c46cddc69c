import type { Sql } from 'postgres'
import { execute } from '../statement.ts'
import { type Condition, conditionText } from './condition.ts'

/** Selects rollouts of a run. */
export interface RolloutFilter {
  readonly run: string
  /** All of these hold for the grading that counts; a rollout without one has the outcome `open`. */
  readonly conditions: readonly Condition[]
  /** The first digits of the item's hash. */
  readonly item?: string | undefined
  /** Rollouts that began in this period, in milliseconds since 1970, both ends included. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** The least time from the beginning to the grading, in seconds. */
  readonly seconds?: number | undefined
  /** A code of the grading that counts, or of a call. */
  readonly code?: string | undefined
  /** Only rollouts with a call that failed. */
  readonly hasFailedCall?: boolean | undefined
  /** A text in the answer, in any case. */
  readonly text?: string | undefined
  readonly order: RolloutOrder
  /** Only rollouts with a lower number: those after the last one of a page. */
  readonly before?: number | undefined
}

const orders = {
  newest: 'number desc',
  worst: 'score asc nulls last, number desc',
  best: 'score desc nulls last, number desc',
  longest: 'seconds desc nulls last, number desc',
  calls: 'calls desc, number desc',
} as const

/** How a list of rollouts is sorted. All but `newest` sort the rollouts that were searched. */
export type RolloutOrder = keyof typeof orders

/** The names of the orders. */
export const rolloutOrders: readonly RolloutOrder[] = ['newest', 'worst', 'best', 'longest', 'calls']

/** A rollout of a list. Times are milliseconds since 1970. */
export interface ListedRollout {
  readonly number: number
  readonly id: string
  readonly attempt: number
  readonly item_hash: string
  /** The item's first message, or its beginning as JSON; null if it was deleted. */
  readonly question: string | null
  readonly at: number
  readonly calls: number
  readonly outcome: 'scored' | 'ungradable' | 'failed' | 'open'
  readonly score: number | null
  readonly parts: Readonly<Record<string, number>> | null
  readonly code: string | null
  /** The beginning of the answer. */
  readonly answer: string | null
  readonly seconds: number | null
}

/** A page of rollouts. */
export interface RolloutList {
  readonly rollouts: readonly ListedRollout[]
  /** How many rollouts were searched, and the number of the last of them: the search can continue before it. */
  readonly searched: number
  readonly last: number | undefined
  /** Whether there may be more. */
  readonly isMore: boolean
}

/** How many rollouts one page searches at most, so that a rare condition does not read the whole run. */
export const mostSearched = 5_000

/** Finds rollouts of a run, at most `most`, among the latest {@link mostSearched} that the filter's period allows. */
export async function listRollouts(sql: Sql, filter: RolloutFilter, most: number): Promise<RolloutList> {
  const { run, conditions, item, from, to, seconds, code, hasFailedCall = false, text, order, before } = filter
  const values: string[] = []
  const given = (value: string | number) => `$${values.push(String(value))}::text`
  const time = (ms: number) => `to_timestamp(${given(ms)}::float8 / 1000)`
  const candidates = [
    `run = ${given(run)}`,
    ...(before === undefined ? [] : [`number < ${given(before)}::int8`]),
    ...(from === undefined ? [] : [`created_at >= ${time(from)}`]),
    ...(to === undefined ? [] : [`created_at <= ${time(to)}`]),
    ...(item === undefined ? [] : [`starts_with(item_hash, ${given(item)})`]),
  ]
  const holds = [
    ...conditions.map((one) => conditionText(one, given, { grading: 'g', run: 'r.run', rollout: 'r.number' })),
    ...(seconds === undefined ? [] : [`extract(epoch from r.graded_at - r.created_at) >= ${given(seconds)}::float8`]),
    ...(code === undefined ? [] : [`(g.code = ${given(code)} or ${anyCall} and c.code = ${given(code)}))`]),
    ...(hasFailedCall ? [`${anyCall} and c.outcome = 'failed')`] : []),
    ...(text === undefined ? [] : [`strpos(lower(g.sample ->> 'output_text'), lower(${given(text)})) > 0`]),
  ]
  const isNewest = order === 'newest'
  // A period is read by the index of times, everything else by the table's key.
  const byTime = from !== undefined && to !== undefined
  const statement = `
    with candidates as materialized (
      select run, number, id, attempt, item_hash, created_at, graded_at, calls from rollouts where ${candidates.join(' and ')}
      order by ${byTime ? 'created_at desc, ' : ''}number desc limit ${mostSearched}
    ),
    found as (
      select r.*, coalesce(g.outcome, 'open') as outcome, g.score, g.parts, g.code, g.sample,
        extract(epoch from r.graded_at - r.created_at)::float8 as seconds
      from candidates r left join lateral (
        select coalesce(b.outcome, 'open') as outcome, b.score, b.parts, b.code, b.version, b.sample from (select 1) one
        left join lateral (
          select * from grades g where g.run = r.run and g.rollout = r.number and g.source = 'trainer'
          order by g.outcome = 'scored' desc, g.id desc limit 1
        ) b on true
      ) g on true
      ${holds.length === 0 ? '' : `where ${holds.join(' and ')}`}
      order by ${isNewest ? 'r.number desc' : orders[order]} limit ${given(most + 1)}::int
    )
    select f.number::float8 as number, f.id, f.attempt, f.item_hash, (extract(epoch from f.created_at) * 1000)::float8 as at,
      f.calls, f.outcome, f.score, f.parts, f.code, left(f.sample ->> 'output_text', 200) as answer, f.seconds,
      left(coalesce(i.content -> 'messages' -> -1 ->> 'content',
        case when jsonb_typeof(i.content) = 'object' then i.content - 'messages' else i.content end ::text), 300) as question,
      (select count(*)::int from candidates) as searched, (select min(number)::float8 from candidates) as last
    from found f left join items i on i.run = f.run and i.hash = f.item_hash
    order by ${isNewest ? 'f.number desc' : orders[order].replaceAll(/\b(number|score|seconds|calls)\b/g, 'f.$1')}`
  type Row = ListedRollout & { searched: number; last: number | null }
  const rows = await execute<Row>(sql, { text: statement, values })
  const rollouts = rows.slice(0, most)
  const first = rows[0]
  if (first === undefined) {
    const [row] = await execute<{ searched: number; last: number | null }>(sql, searchedOf(candidates, values, byTime))
    const { searched = 0, last = null } = row ?? {}
    return { rollouts, searched, last: last ?? undefined, isMore: searched === mostSearched }
  }
  const { searched } = first
  const isCut = rows.length > most
  const last = isNewest && isCut ? rollouts.at(-1)?.number : (first.last ?? undefined)
  return { rollouts, searched, last, isMore: (isNewest && isCut) || searched === mostSearched }
}

const anyCall = 'exists (select from tool_calls c where c.run = r.run and c.rollout = r.number'

function searchedOf(candidates: readonly string[], values: readonly string[], byTime: boolean) {
  const text = `
    select count(*)::int as searched, min(number)::float8 as last from (
      select number from rollouts where ${candidates.join(' and ')}
      order by ${byTime ? 'created_at desc, ' : ''}number desc limit ${mostSearched}
    ) c`
  const used = candidates.join(' ').match(/\$\d+/g)?.length ?? 0
  return { text, values: values.slice(0, used) }
}
