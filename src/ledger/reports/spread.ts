import type { Sql } from 'postgres'
import { execute } from '../statement.ts'

/** Selects scores, and defines when an item counts as solved. */
export interface SpreadQuery {
  /** The run; by default all. */
  readonly run?: string | undefined
  readonly grader: string
  /** Only this version, including re-gradings; default: the trainer's gradings under all versions. */
  readonly version?: string | undefined
  /** Gradings made at this time or later. */
  readonly since?: Date | undefined
  /** Gradings made before this time: those of the base model if training began then. */
  readonly until?: Date | undefined
  /** The least score of a rollout that solves its item. */
  readonly solvedAt: number
}

/** How the scores of recorded rollouts spread within their groups: the rollouts of one item. */
export interface Spread {
  readonly rollouts: number
  /** Rollouts that did not solve their item. */
  readonly failing: number
  readonly items: number
  /** Items with at least two rollouts: only these can have a spread. */
  readonly groups: number
  /** Groups in which all scores are equal: a trainer learns nothing from them. */
  readonly withoutSpread: number
  readonly neverSolved: number
  readonly alwaysSolved: number
  /** The mean over the groups of the standard deviation of their scores; null if there are no groups. */
  readonly meanDeviation: number | null
  /** Groups without spread or never solved, those with most rollouts first, at most ten. */
  readonly worthALook: readonly SpreadGroup[]
}

/** The rollouts of one item. */
export interface SpreadGroup {
  /** The item's hash. */
  readonly item: string
  /** The item; null if it has been deleted. */
  readonly content: unknown
  readonly rollouts: number
  /** Rollouts that did not solve it. */
  readonly failing: number
  readonly least: number
  readonly most: number
}

const scores = `
  with scores as (
    select distinct on (run, rollout) item_hash, score, run from grades
    where grader = $1::text and outcome = 'scored'
      and (case when $2::text is null then source = 'trainer' else version = $2::text end)
      and ($3::text is null or created_at >= $3::text::timestamptz)
      and ($6::text is null or run = $6::text)
      and ($5::text is null or created_at < $5::text::timestamptz)
    order by run, rollout, id desc
  ),
  groups as (
    select item_hash, min(run) as run, count(*) as rollouts, min(score) as least, max(score) as most, stddev_pop(score) as deviation,
      count(*) filter (where score < $4::text::float8) as failing
    from scores group by item_hash
  )`

const counting = `${scores}
  select coalesce(sum(rollouts), 0)::int as rollouts, coalesce(sum(failing), 0)::int as failing, count(*)::int as items,
    (count(*) filter (where rollouts > 1))::int as groups,
    (count(*) filter (where rollouts > 1 and least = most))::int as without_spread,
    (count(*) filter (where rollouts > 1 and failing = rollouts))::int as never_solved,
    (count(*) filter (where rollouts > 1 and failing = 0))::int as always_solved,
    avg(deviation) filter (where rollouts > 1) as mean_deviation
  from groups`

const listing = `${scores}
  , looked_at as (
    select * from groups where rollouts > 1 and (least = most or failing = rollouts)
    order by rollouts desc, item_hash limit 10
  )
  select item_hash as item, content, rollouts::int as rollouts, failing::int as failing, least, most
  from looked_at left join items on items.run = looked_at.run and hash = item_hash order by rollouts desc, item_hash`

interface CountRow {
  readonly rollouts: number
  readonly failing: number
  readonly items: number
  readonly groups: number
  readonly without_spread: number
  readonly never_solved: number
  readonly always_solved: number
  readonly mean_deviation: number | null
}

/** Computes, in the database, the spread of rewards within groups, from the latest grading of each rollout. */
export async function readSpread(
  sql: Sql,
  { run, grader, version, since, until, solvedAt }: SpreadQuery,
): Promise<Spread> {
  const times = [since, until].map((time) => time?.toISOString() ?? null)
  const values = [grader, version ?? null, times[0] ?? null, String(solvedAt), times[1] ?? null, run ?? null]
  const [row] = await execute<CountRow>(sql, { text: counting, values })
  if (row === undefined) throw new Error('the database counted nothing')
  const worthALook = await execute<SpreadGroup>(sql, { text: listing, values })
  return {
    rollouts: row.rollouts,
    failing: row.failing,
    items: row.items,
    groups: row.groups,
    withoutSpread: row.without_spread,
    neverSolved: row.never_solved,
    alwaysSolved: row.always_solved,
    meanDeviation: row.mean_deviation,
    worthALook,
  }
}
