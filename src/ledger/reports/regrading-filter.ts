import { type Condition, conditionText } from './condition.ts'

/** The grader whose re-gradings are meant, and its code today. */
export interface GraderCode {
  readonly grader: string
  readonly version: string
  /** Null where the grader's files are not known. */
  readonly codeHash: string | null
}

/** Which recorded rollouts are meant. */
export interface RegradingFilter {
  /** Those whose grading was first asked for at this moment or later. */
  readonly since?: Date | undefined
  /** Those whose grading was first asked for before this moment. */
  readonly until?: Date | undefined
  /** The first digits of their item's hash. */
  readonly item?: string | undefined
  /** All of these hold. */
  readonly conditions?: readonly Condition[]
  /** The first so many of them, the oldest first. */
  readonly limit?: number | undefined
}

/** Text of SQL and the values of its parameters, all of them texts. */
export interface SubjectsQuery {
  /** A select of the columns that {@link subjectsQuery} names. */
  readonly text: string
  readonly values: readonly (string | null)[]
}

/**
 * The select of what is to be graded again: one row for each sample of a rollout that a trainer asked any grading for, by
 * the first row that says so. Columns: `id` of that row, `rollout_id`, `sample_hash`, `item_hash`; `before_id`,
 * `before_outcome`, `before_score` of the earlier grading by this grader: the one that the trainer was sent, else the
 * latest score of other code, else the latest without a score; `after_id`, `after_outcome`, `after_score` of the one by
 * today's code: its score, else its latest failure. Null where there is none. Ordered by `id`.
 *
 * @param after those with a greater id alone
 * @param most so many rows of them
 */
export function subjectsQuery(
  code: GraderCode,
  filter: RegradingFilter,
  { after = 0, most = filter.limit }: { readonly after?: number; readonly most?: number | undefined } = {},
): SubjectsQuery {
  const values: (string | null)[] = [code.grader, code.version, code.codeHash ?? '']
  const given = (value: string) => `$${values.push(value)}::text`
  const holds = [
    ...(after > 0 ? [`s.id > ${given(String(after))}::bigint`] : []),
    ...(filter.since ? [`s.created_at >= ${given(filter.since.toISOString())}::timestamptz`] : []),
    ...(filter.until ? [`s.created_at < ${given(filter.until.toISOString())}::timestamptz`] : []),
    ...(filter.item === undefined ? [] : [`starts_with(s.item_hash, ${given(filter.item)})`]),
    ...(filter.conditions ?? []).map((one) => conditionText(one, given, { grading: 'b', rollout: 's.rollout_id' })),
  ]
  const text = `
    select s.id, s.rollout_id, s.sample_hash, s.item_hash,
      b.id as before_id, b.outcome as before_outcome, b.score as before_score,
      a.id as after_id, a.outcome as after_outcome, a.score as after_score
    from grades s
    left join lateral (
      select * from grades g
      where g.rollout_id = s.rollout_id and g.grader = $1::text and g.sample_hash = s.sample_hash
        and (g.source = 'trainer' or g.version <> $2::text or coalesce(g.code_hash, '') <> $3::text)
      order by g.source = 'trainer' and g.outcome = 'scored' desc, g.outcome = 'scored' desc, g.id desc limit 1
    ) b on true
    left join lateral (
      select * from grades g
      where g.rollout_id = s.rollout_id and g.grader = $1::text and g.sample_hash = s.sample_hash
        and g.source = 'regrade' and g.version = $2::text and coalesce(g.code_hash, '') = $3::text
      order by g.outcome = 'scored' desc, g.id desc limit 1
    ) a on true
    where s.source = 'trainer'
      and not exists (
        select from grades e where e.rollout_id = s.rollout_id and e.sample_hash = s.sample_hash
          and e.source = 'trainer' and e.id < s.id)
      ${holds.map((one) => `and ${one}`).join('\n      ')}
    order by s.id${most === undefined ? '' : ` limit ${given(String(most))}::bigint`}`
  return { text, values }
}
