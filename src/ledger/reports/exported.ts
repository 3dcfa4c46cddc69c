import type { Sql, TransactionSql } from 'postgres'
import {
  type ExportCursor,
  type ExportedOutcome,
  type ExportFilter,
  exporter,
  readHorizon,
  type Subject,
  subjectsText,
  timestampText,
} from './exported-subjects.ts'

/** A recorded tool call. */
export interface ExportedCall {
  readonly seq: number
  readonly call_id: string
  readonly tool: string
  readonly arguments: unknown
  readonly output: string
  readonly outcome: 'running' | 'ok' | 'refused' | 'failed'
  readonly code: string | null
  /** 1 for the first run of its tool; more if it failed and was made again. */
  readonly execution: number
  readonly started_at: string
  readonly finished_at: string | null
}

/** A recorded grading. */
export interface ExportedGrading {
  readonly id: number
  readonly grader: string
  readonly version: string
  readonly code_hash: string | null
  readonly source: 'trainer' | 'regrade'
  readonly sample_hash: string
  readonly outcome: 'scored' | 'ungradable' | 'failed'
  readonly score: number | null
  readonly parts: Readonly<Record<string, number>> | null
  readonly reason: string | null
  readonly code: string | null
  readonly duration_ms: number
  readonly created_at: string
}

/** A recorded attempt with its calls and gradings. */
export interface ExportedRollout {
  readonly run: string
  /** The trainer's id. */
  readonly rollout: string
  /** 1 for the first use of the id, then 2, 3 … */
  readonly attempt: number
  readonly number: number
  /** When it was first graded with a wanted outcome; if open ones are included, when it began. */
  readonly at: string
  readonly created_at: string
  readonly item_hash: string
  readonly item: unknown
  readonly state: unknown
  readonly outcome: ExportedOutcome
  /** The latest score that was sent to the trainer; null unless scored. */
  readonly score: number | null
  /** The hash of that grading's sample; null for an open rollout. */
  readonly sample_hash: string | null
  readonly calls: readonly ExportedCall[]
  readonly gradings: readonly ExportedGrading[]
  /** The samples of its gradings, by their hashes. */
  readonly samples: Readonly<Record<string, unknown>>
}

/** The information that {@link readExported} passes on. */
export interface Exporting {
  /** How many rollouts there are. */
  readonly count: number
  /** Rollouts from this time on are left for a later export: a running transaction may still record earlier ones. */
  readonly horizon: string
  readonly pages: AsyncIterable<readonly ExportedRollout[]>
}

/**
 * Reads recorded rollouts in the order of their timestamps, `size` at a time, from one snapshot. Rollouts that are recorded
 * later come after all of them, so that an export that continues at a cursor misses none and repeats none.
 */
export async function readExported<Result>(
  sql: Sql,
  filter: ExportFilter,
  { after, size }: { readonly after: ExportCursor | undefined; readonly size: number },
  work: (exporting: Exporting) => Promise<Result>,
): Promise<Result> {
  // Before the snapshot, so that the snapshot contains everything that commits between the two.
  const horizon = await readHorizon(sql)
  const result = await sql.begin('isolation level repeatable read read only', async (tx) => {
    await tx`set local application_name = ${tx.unsafe(`'${exporter}'`)}`
    const { text, values } = subjectsText(filter, horizon, after)
    const [counted] = await tx.unsafe<{ count: number }[]>(`select count(*)::int as count from (${text}) s`, [
      ...values,
    ])
    await tx.unsafe(`declare exported no scroll cursor for ${text}`, [...values])
    return { value: await work({ count: counted?.count ?? 0, horizon, pages: pagesOf(tx, size) }) }
  })
  return result.value
}

async function* pagesOf(tx: TransactionSql, size: number): AsyncGenerator<readonly ExportedRollout[]> {
  for (;;) {
    const subjects = await tx.unsafe<Subject[]>(`fetch forward ${size} from exported`)
    if (subjects.length > 0) yield await wholeRollouts(tx, subjects)
    if (subjects.length < size) return
  }
}

const details = `
  select r.run, r.id as rollout, r.attempt, r.number::float8 as number, ${timestampText('r.created_at')} as created_at, r.item_hash, i.content as item, r.state,
    coalesce((
      select jsonb_agg(jsonb_build_object('seq', c.seq, 'call_id', c.call_id, 'tool', c.tool, 'arguments', c.arguments,
        'output', c.output, 'outcome', c.outcome, 'code', c.code, 'execution', c.execution,
        'started_at', ${timestampText('c.started_at')}, 'finished_at', ${timestampText('c.finished_at')}) order by c.seq)
      from tool_calls c where c.run = r.run and c.rollout = r.number
    ), '[]') as calls,
    coalesce((
      select jsonb_agg(jsonb_build_object('id', g.id, 'grader', g.grader, 'version', g.version, 'code_hash', g.code_hash,
        'source', g.source, 'sample_hash', g.sample_hash, 'outcome', g.outcome, 'score', g.score, 'parts', g.parts,
        'reason', g.reason, 'code', g.code, 'duration_ms', g.duration_ms, 'created_at', ${timestampText('g.created_at')})
        order by g.id)
      from grades g where g.run = r.run and g.rollout = r.number
    ), '[]') as gradings,
    coalesce((select jsonb_object_agg(g.sample_hash, g.sample) from grades g where g.run = r.run and g.rollout = r.number), '{}') as samples
  from rollouts r left join items i on i.run = r.run and i.hash = r.item_hash
  where (r.run, r.number) in (select run, number from jsonb_to_recordset($1::text::jsonb) as s(run text, number int8))`

type Details = Omit<ExportedRollout, 'at' | 'outcome' | 'score' | 'sample_hash'>

async function wholeRollouts(tx: TransactionSql, subjects: readonly Subject[]): Promise<readonly ExportedRollout[]> {
  const keys = JSON.stringify(subjects.map(({ run, number }) => ({ run, number })))
  const rows = new Map((await tx.unsafe<Details[]>(details, [keys])).map((row) => [row.number, row]))
  return subjects.flatMap((subject) => {
    const row = rows.get(subject.number)
    return row === undefined ? [] : [{ ...row, ...subject }]
  })
}
