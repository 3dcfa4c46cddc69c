import type { TransactionSql } from 'postgres'
import type { GraderCode } from './regrading-filter.ts'

/** Smaller changes are rounding errors. */
const tolerance = 1e-9
const buckets = 10

/** The current results of a re-grading, computed by the database from the table `compared`. */
export type RegradingReport = Awaited<ReturnType<typeof readReport>>

/**
 * Reads the report in the transaction of `withComparison`.
 *
 * `compared` counts the rollouts with a score before and after. They are the basis of the means, the changes, the
 * histogram, the movers, the means of the parts (each over the rollouts that have it), and `spearman`: the correlation of
 * the ranks, where equal scores have the mean of their ranks; null if all scores of one side are equal. `spread` counts the
 * groups (the rollouts of one item) whose scores differ.
 *
 * @param movers how many of the rollouts that changed most to include
 * @param range the least and the greatest score; undefined if the grader's range is unbounded
 */
export async function readReport(
  tx: TransactionSql,
  code: GraderCode,
  movers: number,
  range: readonly [number, number] | undefined,
) {
  const [counted] = await tx<Counted[]>`
    select count(*)::int as subjects,
      count(distinct rollout)::int as rollouts,
      count(*) filter (where after_outcome = 'scored')::int as scored,
      count(*) filter (where after_outcome = 'failed')::int as failed,
      count(*) filter (where after_outcome = 'ungradable')::int as ungradable,
      count(*) filter (where after_outcome is null)::int as waiting,
      avg(after) as mean,
      count(*) filter (where after is not null and before is not null)::int as compared,
      avg(before) filter (where after is not null) as mean_before,
      avg(after) filter (where before is not null) as mean_after,
      count(*) filter (where after > before + ${tolerance})::int as higher,
      count(*) filter (where after < before - ${tolerance})::int as lower,
      count(*) filter (where after is not null and before is null)::int as newly_scored,
      count(*) filter (where after is null and after_outcome is not null and before is not null)::int as no_longer_scored,
      least(min(before), min(after)) as least, greatest(max(before), max(after)) as greatest
    from compared`
  if (counted === undefined) throw new Error('a count came back empty')
  const [from, to] = range ?? [counted.least ?? 0, counted.greatest ?? 1]
  const { least: _, greatest: __, ...counts } = counted
  return {
    grader: code.grader,
    version: code.version,
    code_hash: code.codeHash,
    ...counts,
    changed: counts.higher + counts.lower,
    spearman: await readSpearman(tx),
    spread: await readSpread(tx),
    before: await readSources(tx),
    without_score: await readCodes(tx),
    parts: await readParts(tx),
    histogram: await readHistogram(tx, from, to > from ? to : from + 1),
    movers: await readMovers(tx, movers),
    other_code: code.codeHash === null ? [] : await readOtherCode(tx, code.version, code.codeHash),
  }
}

interface Counted {
  readonly subjects: number
  readonly rollouts: number
  readonly scored: number
  readonly failed: number
  readonly ungradable: number
  readonly waiting: number
  readonly mean: number | null
  readonly compared: number
  readonly mean_before: number | null
  readonly mean_after: number | null
  readonly higher: number
  readonly lower: number
  readonly newly_scored: number
  readonly no_longer_scored: number
  readonly least: number | null
  readonly greatest: number | null
}

/** Spearman's rank correlation is Pearson's correlation of the ranks, where ties have their mean rank. */
async function readSpearman(tx: TransactionSql): Promise<number | null> {
  const [row] = await tx<{ spearman: number | null }[]>`
    select corr(was, is_now) as spearman from (
      select rank() over (order by before) + (count(*) over (partition by before) - 1) / 2.0 as was,
        rank() over (order by after) + (count(*) over (partition by after) - 1) / 2.0 as is_now
      from compared where before is not null and after is not null
    ) ranks`
  return row?.spearman ?? null
}

/** Counts the groups with spread: a trainer learns nothing from the others. */
async function readSpread(tx: TransactionSql) {
  const [row] = await tx<{ groups: number; before: number; after: number }[]>`
    select count(*)::int as groups, count(*) filter (where was > ${tolerance})::int as before,
      count(*) filter (where is_now > ${tolerance})::int as after
    from (
      select max(before) - min(before) as was, max(after) - min(after) as is_now
      from compared where before is not null and after is not null group by item_hash having count(*) > 1
    ) items`
  return row ?? { groups: 0, before: 0, after: 0 }
}

/** Counts the earlier scores by their source. */
async function readSources(tx: TransactionSql) {
  return await tx<{ source: 'trainer' | 'regrade'; version: string; code_hash: string | null; count: number }[]>`
    select g.source, g.version, g.code_hash, count(*)::int as count
    from compared c join grades g on g.run = c.run and g.id = c.before_id
    where c.before is not null and c.after is not null
    group by 1, 2, 3 order by 4 desc limit 20`
}

/** Counts the reasons for missing scores, with one example of each. */
async function readCodes(tx: TransactionSql) {
  return await tx<
    {
      outcome: 'failed' | 'ungradable'
      code: string | null
      count: number
      run: string
      rollout_id: string
      attempt: number
      reason: string | null
    }[]
  >`
    select g.outcome, g.code, count(*)::int as count, (array_agg(c.run order by c.id))[1] as run,
      (array_agg(c.rollout_id order by c.id))[1] as rollout_id, (array_agg(c.attempt order by c.id))[1] as attempt,
      (array_agg(left(g.reason, 500) order by c.id))[1] as reason
    from compared c join grades g on g.run = c.run and g.id = c.after_id
    where c.after is null group by 1, 2 order by 3 desc, 2 limit 20`
}

async function readParts(tx: TransactionSql) {
  return await tx<
    { name: string; before: number | null; after: number | null; count_before: number; count_after: number }[]
  >`
    select name, avg(was) as before, avg(is_now) as after, count(was)::int as count_before, count(is_now)::int as count_after
    from (
      select c.id, p.name, max(p.value) filter (where not p.now) as was, max(p.value) filter (where p.now) as is_now
      from compared c
      left join grades b on b.run = c.run and b.id = c.before_id
      left join grades a on a.run = c.run and a.id = c.after_id
      cross join lateral (
        select key as name, value::float8 as value, false as now from jsonb_each_text(coalesce(b.parts, '{}'))
        union all
        select key, value::float8, true from jsonb_each_text(coalesce(a.parts, '{}'))
      ) p
      where c.before is not null and c.after is not null
      group by c.id, p.name
    ) parts
    group by name order by count(*) desc, name limit 50`
}

/** Counts the scores in each tenth of the range, and in each pair of tenths before and after. */
async function readHistogram(tx: TransactionSql, from: number, to: number) {
  const rows = await tx<{ was: number; is_now: number; count: number }[]>`
    select least(greatest(width_bucket(before, ${from}::float8, ${to}::float8, ${buckets}::int), 1), ${buckets}::int) as was,
      least(greatest(width_bucket(after, ${from}::float8, ${to}::float8, ${buckets}::int), 1), ${buckets}::int) as is_now,
      count(*)::int as count
    from compared where before is not null and after is not null group by 1, 2 order by 1, 2`
  const sums = (side: 'was' | 'is_now') =>
    Array.from({ length: buckets }, (_, at) =>
      rows.reduce((sum, row) => (row[side] === at + 1 ? sum + row.count : sum), 0),
    )
  const pairs = rows.map(({ was, is_now, count }) => [was - 1, is_now - 1, count] as const)
  return { from, to, before: sums('was'), after: sums('is_now'), pairs }
}

/** One of the samples whose scores changed most. */
export interface Mover {
  readonly run: string
  readonly attempt: number
  readonly rollout_id: string
  readonly item_hash: string
  readonly before: number
  readonly after: number
  readonly before_reason: string | null
  readonly after_reason: string | null
  /** The text of the item's last user message, or its `question`. */
  readonly question: string | null
  /** The sample's `output_text`. */
  readonly answer: string | null
  /** The rollout's first calls, the arguments as JSON. */
  readonly calls: readonly { readonly tool: string; readonly arguments: string; readonly outcome: string }[]
}

const callsShown = 20

async function readMovers(tx: TransactionSql, most: number) {
  return await tx<Mover[]>`
    select c.run, c.rollout_id, c.attempt, c.item_hash, c.before, c.after, left(b.reason, 2000) as before_reason,
      left(a.reason, 2000) as after_reason, left(b.sample ->> 'output_text', 2000) as answer,
      left(coalesce(case jsonb_typeof(m.content)
        when 'string' then m.content #>> '{}'
        when 'array' then (
          select string_agg(coalesce(part ->> 'text', part #>> '{}'), e'\\n') from jsonb_array_elements(m.content) part)
        end, i.content ->> 'question'), 2000) as question,
      coalesce((
        select jsonb_agg(jsonb_build_object('tool', t.tool, 'arguments', left(t.arguments::text, 500), 'outcome', t.outcome)
          order by t.seq)
        from tool_calls t where t.run = c.run and t.rollout = c.rollout and t.seq <= ${callsShown}::int
      ), '[]') as calls
    from (
      select * from compared where abs(after - before) > ${tolerance}
      order by abs(after - before) desc, id limit ${most}
    ) c
    join grades b on b.run = c.run and b.id = c.before_id join grades a on a.run = c.run and a.id = c.after_id
    left join items i on i.run = c.run and i.hash = c.item_hash
    left join lateral (
      select message -> 'content' as content
      from jsonb_array_elements(case jsonb_typeof(i.content -> 'messages') when 'array' then i.content -> 'messages' end)
        with ordinality messages (message, place)
      where message ->> 'role' = 'user' order by place desc limit 1
    ) m on true
    order by abs(c.after - c.before) desc, c.id`
}

/** Earlier gradings under the current version by other code. */
async function readOtherCode(tx: TransactionSql, version: string, codeHash: string) {
  return await tx<{ code_hash: string; source: 'trainer' | 'regrade'; count: number }[]>`
    select g.code_hash, g.source, count(*)::int as count
    from compared c join grades g on g.run = c.run and g.id = c.before_id
    where g.version = ${version} and g.code_hash <> ${codeHash} group by 1, 2 order by 3 desc limit 20`
}
