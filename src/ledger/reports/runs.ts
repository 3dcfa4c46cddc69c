import type { Sql } from 'postgres'
import { execute } from '../statement.ts'
import { timestampText } from './exported-subjects.ts'

/** What is recorded of a run. Each attempt of a rollout counts as a rollout. */
export interface RunSummary {
  readonly run: string
  readonly title: string | null
  readonly rollouts: number
  /** Rollouts with a score that was sent to the trainer. */
  readonly scored: number
  /** The mean of those scores; null before the first one. */
  readonly mean: number | null
  /** Rollouts whose gradings all failed or found that they cannot be graded, by the latest. */
  readonly failed: number
  readonly ungradable: number
  /** Rollouts that have not ended. */
  readonly open: number
  /** When its first and its latest rollout began; null if it has none. */
  readonly first: string | null
  readonly last: string | null
}

const summaries = `
  with sent as (
    select distinct on (run, rollout) run, rollout, outcome, score from grades
    where source = 'trainer' and ($1::text is null or run = $1::text)
    order by run, rollout, outcome = 'scored' desc, id desc
  ),
  counted as (
    select r.run, count(*) as rollouts, count(*) filter (where s.outcome = 'scored') as scored, avg(s.score) as mean,
      count(*) filter (where s.outcome = 'failed') as failed, count(*) filter (where s.outcome = 'ungradable') as ungradable,
      count(*) filter (where r.ended_at is null) as open, min(r.created_at) as first, max(r.created_at) as last
    from rollouts r left join sent s on s.run = r.run and s.rollout = r.number
    where $1::text is null or r.run = $1::text
    group by r.run
  )
  select n.name as run, n.title, coalesce(rollouts, 0)::int as rollouts, coalesce(scored, 0)::int as scored, mean,
    coalesce(failed, 0)::int as failed, coalesce(ungradable, 0)::int as ungradable, coalesce(open, 0)::int as open,
    ${timestampText('first')} as first, ${timestampText('last')} as last
  from runs n left join counted c on c.run = n.name
  where $1::text is null or n.name = $1::text
  order by coalesce(c.last, n.created_at) desc, n.name`

/** Summarizes all runs, the one that was used last first, or one run. Reads all their rollouts and gradings. */
export async function readRuns(sql: Sql, run?: string): Promise<readonly RunSummary[]> {
  return await execute<RunSummary>(sql, { text: summaries, values: [run ?? null] })
}

/** An attempt that has not been released. */
export interface OpenAttempt {
  readonly run: string
  readonly rollout: string
  readonly attempt: number
  readonly number: number
  /**
   * `open`: it may be used. `due`: it ends with the next turn of housekeeping. `ending`: a process releases what it holds.
   * `waiting`: it has ended, and its release is tried again.
   */
  readonly stage: 'open' | 'due' | 'ending' | 'waiting'
  readonly wire: string | null
  readonly created_at: string
  readonly graded_at: string | null
  readonly due_at: string
  readonly ended_at: string | null
  readonly calls: number
  /** Claimed calls that run. */
  readonly running: number
}

/** The attempts that have not been released: how many are in each stage, and the oldest of them. */
export interface OpenAttempts {
  readonly counts: Readonly<Record<OpenAttempt['stage'], number>>
  readonly oldest: readonly OpenAttempt[]
}

const stage = `
  case when ended_at is null and due_at >= now() then 'open' when ended_at is null then 'due'
    when lease_until >= now() then 'ending' else 'waiting' end`

const counting = `
  select ${stage} as stage, count(*)::int as count from rollouts
  where released_at is null and ($1::text is null or run = $1::text) group by 1`

const listing = `
  select run, id as rollout, attempt, number::float8 as number, ${stage} as stage, wire,
    ${timestampText('created_at')} as created_at, ${timestampText('graded_at')} as graded_at,
    ${timestampText('due_at')} as due_at, ${timestampText('ended_at')} as ended_at, calls,
    (select count(*)::int from tool_calls c where c.run = r.run and c.rollout = r.number and c.outcome = 'running') as running
  from rollouts r
  where released_at is null and ($1::text is null or run = $1::text)
  order by r.created_at, run, number limit $2::text::int`

/** Reads the attempts that have not been released, in all runs or in one; lists at most `most`, the oldest first. */
export async function readOpenAttempts(sql: Sql, run: string | undefined, most: number): Promise<OpenAttempts> {
  const counted = await execute<{ stage: OpenAttempt['stage']; count: number }>(sql, {
    text: counting,
    values: [run ?? null],
  })
  const of = (name: OpenAttempt['stage']) => counted.find((one) => one.stage === name)?.count ?? 0
  const counts = { open: of('open'), due: of('due'), ending: of('ending'), waiting: of('waiting') }
  const oldest = await execute<OpenAttempt>(sql, { text: listing, values: [run ?? null, String(most)] })
  return { counts, oldest }
}

/** Gives a run a title, or takes it away. Resolves with false if the run is not recorded. */
export async function setRunTitle(sql: Sql, run: string, title: string | null): Promise<boolean> {
  const text = 'update runs set title = $2::text where name = $1::text returning 1'
  return (await execute(sql, { text, values: [run, title] })).length > 0
}

/** How many attempts a run has, or a rollout of it. */
export async function countAttempts(sql: Sql, run: string, rollout?: string): Promise<number> {
  const text =
    'select count(*)::int as count from rollouts where run = $1::text and ($2::text is null or id = $2::text)'
  const [row] = await execute<{ count: number }>(sql, { text, values: [run, rollout ?? null] })
  return row?.count ?? 0
}
