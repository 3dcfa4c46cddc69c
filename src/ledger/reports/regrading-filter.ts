import { type Condition, conditionText } from './condition.ts'

/** A grader and its current code. */
export interface GraderCode {
  readonly grader: string
  readonly version: string
  /** Null if the grader's files are unknown. */
  readonly codeHash: string | null
}

/** Selects recorded rollouts. */
export interface RegradingFilter {
  /** The run; by default all. */
  readonly run?: string | undefined
  /** Rollouts whose grading was first requested at this time or later. */
  readonly since?: Date | undefined
  /** Rollouts whose grading was first requested before this time. */
  readonly until?: Date | undefined
  /** The first digits of their item's hash. */
  readonly item?: string | undefined
  /** Rollouts for which all of these hold. */
  readonly conditions?: readonly Condition[]
  /** At most this many rollouts, run by run and the oldest first. */
  readonly limit?: number | undefined
}

/** The run and the id of a grading. */
export interface SubjectPlace {
  readonly run: string
  readonly id: number
}

/** SQL and the values of its parameters, all as text. */
export interface SubjectsQuery {
  /** Selects the columns that {@link subjectsQuery} names. */
  readonly text: string
  readonly values: readonly (string | null)[]
}

/**
 * Selects what to grade again: one row for each sample of a rollout for which a trainer requested any grading. Columns:
 * `id`, `run`, `rollout`, `rollout_id`, `attempt`, `sample_hash`, `item_hash` of the first such grading; `before_id`, `before_outcome`, `before_score`
 * of the earlier grading by this grader, which is the one that the trainer was sent, else the latest score by other code,
 * else the latest without a score; `after_id`, `after_outcome`, `after_score` of the grading by the current code, which is
 * its score, else its latest failure. They are null without such a grading. Ordered by `run` and `id`.
 *
 * @param after selects only those after this one
 * @param most the most rows
 */
export function subjectsQuery(
  code: GraderCode,
  filter: RegradingFilter,
  {
    after,
    most = filter.limit,
  }: { readonly after?: SubjectPlace | undefined; readonly most?: number | undefined } = {},
): SubjectsQuery {
  const values: (string | null)[] = [code.grader, code.version, code.codeHash ?? '']
  const given = (value: string) => `$${values.push(value)}::text`
  const holds = [
    ...(filter.run === undefined ? [] : [`s.run = ${given(filter.run)}`]),
    ...(after === undefined ? [] : [`(s.run, s.id) > (${given(after.run)}, ${given(String(after.id))}::int8)`]),
    ...(filter.since ? [`s.created_at >= ${given(filter.since.toISOString())}::timestamptz`] : []),
    ...(filter.until ? [`s.created_at < ${given(filter.until.toISOString())}::timestamptz`] : []),
    ...(filter.item === undefined ? [] : [`starts_with(s.item_hash, ${given(filter.item)})`]),
    ...(filter.conditions ?? []).map((one) =>
      conditionText(one, given, { grading: 'b', run: 's.run', rollout: 's.rollout' }),
    ),
  ]
  const text = `
    select s.id, s.run, s.rollout, r.id as rollout_id, r.attempt, s.sample_hash, s.item_hash,
      b.id as before_id, b.outcome as before_outcome, b.score as before_score,
      a.id as after_id, a.outcome as after_outcome, a.score as after_score
    from grades s
    join rollouts r on r.run = s.run and r.number = s.rollout
    left join lateral (
      select * from grades g
      where g.run = s.run and g.rollout = s.rollout and g.grader = $1::text and g.sample_hash = s.sample_hash
        and (g.source = 'trainer' or g.version <> $2::text or coalesce(g.code_hash, '') <> $3::text)
      order by g.source = 'trainer' and g.outcome = 'scored' desc, g.outcome = 'scored' desc, g.id desc limit 1
    ) b on true
    left join lateral (
      select * from grades g
      where g.run = s.run and g.rollout = s.rollout and g.grader = $1::text and g.sample_hash = s.sample_hash
        and g.source = 'regrade' and g.version = $2::text and coalesce(g.code_hash, '') = $3::text
      order by g.outcome = 'scored' desc, g.id desc limit 1
    ) a on true
    where s.source = 'trainer'
      and not exists (
        select from grades e where e.run = s.run and e.rollout = s.rollout and e.sample_hash = s.sample_hash
          and e.source = 'trainer' and e.id < s.id)
      ${holds.map((one) => `and ${one}`).join('\n      ')}
    order by s.run, s.id${most === undefined ? '' : ` limit ${given(String(most))}::bigint`}`
  return { text, values }
}
