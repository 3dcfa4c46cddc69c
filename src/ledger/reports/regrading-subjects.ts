import type { Sql } from 'postgres'
import { storableText } from '../../base/json.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import { execute, retried } from '../statement.ts'
import { type GraderCode, type RegradingFilter, type SubjectPlace, subjectsQuery } from './regrading-filter.ts'

/** A sample of a rollout to grade again. */
export interface RegradingSubject extends SubjectPlace {
  readonly rolloutId: string
  /** The number of its attempt. */
  readonly number: number
  readonly sampleHash: string
  /** Whether the current code has already scored it. */
  readonly isDone: boolean
}

/** What a {@link RegradingSubject} is graded with, in addition to its rollout. */
export interface SubjectContent {
  readonly sample: unknown
  readonly item: unknown
  /** Whether the current code has scored it since it was selected. */
  readonly isDone: boolean
}

/**
 * Reads the subjects to grade again in pages of `size`, run by run and oldest first, including those that are already scored. Each
 * page starts after the last one of the previous page, so at most one page is in memory.
 */
export async function* subjectPages(
  sql: Sql,
  code: GraderCode,
  filter: RegradingFilter,
  size: number,
): AsyncGenerator<readonly RegradingSubject[]> {
  type Row = {
    id: string
    run: string
    rollout: string
    rollout_id: string
    sample_hash: string
    after_outcome: string | null
  }
  let left = filter.limit ?? Number.POSITIVE_INFINITY
  for (let after: { run: string; id: number } | undefined; left > 0; ) {
    const most = Math.min(size, left)
    const rows: Row[] = await execute<Row>(sql, subjectsQuery(code, filter, { after, most }))
    const page = rows.map((row) => ({
      id: Number(row.id),
      run: row.run,
      rolloutId: row.rollout_id,
      number: Number(row.rollout),
      sampleHash: row.sample_hash,
      isDone: row.after_outcome === 'scored',
    }))
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    if (page.length < most) return
    after = last
    left -= page.length
  }
}

/** Counts the subjects, and those of them that the current code has scored. */
export async function countSubjects(sql: Sql, code: GraderCode, filter: RegradingFilter) {
  const { text, values } = subjectsQuery(code, filter)
  type Row = { all: string; done: string }
  const counting = `select count(*) as all, count(*) filter (where after_outcome = 'scored') as done from (${text}) s`
  const [row] = await execute<Row>(sql, { text: counting, values })
  return { all: Number(row?.all), done: Number(row?.done) }
}

const reading = `
  select i.n, s.sample, t.content as item, t.hash is not null as has_item, d.id is not null as done
  from jsonb_to_recordset($1::text::jsonb) as i(n int, run text, id int8)
  join grades s on s.run = i.run and s.id = i.id
  left join items t on t.run = s.run and t.hash = s.item_hash
  left join grades d on d.run = s.run and d.rollout = s.rollout and d.sample_hash = s.sample_hash and d.grader = $2::text
    and d.version = $3::text and coalesce(d.code_hash, '') = $4::text and d.source = 'regrade' and d.outcome = 'scored'`

/**
 * Creates the function that reads a subject's sample and item; concurrent reads share one statement. Undefined for a
 * subject that has been deleted.
 */
export function createSubjectReader(sql: Sql, { grader, version, codeHash }: GraderCode) {
  type Row = { n: number; sample: unknown; item: unknown; has_item: boolean; done: boolean }
  type Found = { readonly content: SubjectContent | undefined }
  const run = async (ids: readonly SubjectPlace[]): Promise<readonly Found[]> => {
    const found: Found[] = ids.map(() => ({ content: undefined }))
    const values = [JSON.stringify(ids.map(({ run, id }, n) => ({ n, run, id }))), grader, version, codeHash ?? '']
    for (const { n, sample, item, has_item, done } of await execute<Row>(sql, { text: reading, values })) {
      if (has_item) found[n] = { content: { sample, item, isDone: done } }
    }
    return found
  }
  // Few at a time, because each may have megabytes.
  const together = { maxEntries: 32, maxBytes: Number.POSITIVE_INFINITY, sizeOf: () => 0 }
  const read = createBatcher<SubjectPlace, Found>({ run, ...together, concernsAll: isUnavailable })
  return async (subject: SubjectPlace): Promise<SubjectContent | undefined> => (await read(subject)).content
}

/** A re-grading, to be recorded. */
export interface Regraded {
  readonly subject: SubjectPlace
  readonly outcome: 'scored' | 'ungradable' | 'failed'
  /** The score; null unless scored. */
  readonly score: number | null
  readonly parts: Readonly<Record<string, number>> | null
  /** The reason, for humans. */
  readonly reason: string | null
  /** A stable code; null when scored. */
  readonly code: string | null
  readonly durationMs: number
}

// The rollout's row is locked first, so that a re-grading cannot outlive a rollout that retention deletes concurrently.
const writing = `
  with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as i(
      run text, subject int8, outcome text, score float8, parts jsonb, reason text, code text, duration_ms float8)
  ),
  subjects as materialized (
    select s.run, s.id, s.rollout, s.sample_hash, s.sample, s.item_hash from grades s
    join rollouts r on r.run = s.run and r.number = s.rollout
    where (s.run, s.id) in (select run, subject from input) order by s.run, s.rollout, s.sample_hash for key share of r
  )
  insert into grades (run, rollout, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score,
    parts, reason, code, duration_ms)
  select s.run, s.rollout, $2::text, $3::text, $4::text, 'regrade', s.sample_hash, s.sample, s.item_hash, i.outcome, i.score,
    i.parts, i.reason, i.code, i.duration_ms
  from subjects s join input i on i.run = s.run and i.subject = s.id order by s.run, s.rollout, s.sample_hash
  on conflict do nothing`

/**
 * Creates the function that records a re-grading; concurrent ones share one statement. It records nothing if a score of
 * the same code exists. No other row is changed.
 */
export function createRegradingRecorder(sql: Sql, { grader, version, codeHash }: GraderCode) {
  const run = async (regraded: readonly Regraded[]): Promise<readonly true[]> => {
    const values = [`[${regraded.map(textOf).join(',')}]`, grader, version, codeHash]
    await retried(() => execute(sql, { text: writing, values }))
    return regraded.map(() => true)
  }
  return createBatcher<Regraded, true>({
    run,
    maxEntries: 200,
    maxBytes: 8 * 1024 * 1024,
    sizeOf: (one) => textOf(one).length,
    concernsAll: isUnavailable,
  })
}

const textOf = ({ subject, outcome, score, parts, reason, code, durationMs }: Regraded): string =>
  storableText({ run: subject.run, subject: subject.id, outcome, score, parts, reason, code, duration_ms: durationMs })
