import type { Sql } from 'postgres'
import { z } from 'zod'
import { contentHash } from '../../../src/base/json.ts'
import { UngradableError } from '../../../src/kit/errors.ts'
import type { GraderCode } from '../../../src/ledger/reports/regrading-filter.ts'
import { defineGrader } from '../app.ts'

/** A model's final output, and the score of the test's grader for it. */
const outputs = ['0.1', '0.25', '0.5', '0.75', '0.9', '1', 'throw', 'nan', 'judge', '0.5'] as const

/** How many items the seeded rollouts are of. */
export const itemsSeeded = 12

/** The current code of the grader under test: the number in the output, reduced for each call, which version 1 did not. */
export const graded = {
  ...defineGrader({
    name: 'graded',
    version: '2',
    range: [0, 1],
    grade({ sample, trajectory, state }) {
      const text = sample.output_text
      if (text === 'throw') throw new TypeError('a bug in the grader')
      if (text === 'judge') throw new UngradableError(503, 'judge_unavailable', 'the judge cannot be reached')
      const number = text === 'nan' ? Number.NaN : Number(text)
      const thrift = 1 - trajectory.length / 10
      return {
        score: number * thrift,
        parts: { number, thrift, ...(state.notes.length > 0 && { notes: state.notes.length }) },
        reason: `${text} after ${trajectory.length} calls`,
      }
    },
  }),
  codeHash: 'c0de2',
}

/** The code of {@link graded}. */
export const code: GraderCode = { grader: 'graded', version: '2', codeHash: 'c0de2' }

/**
 * Records rollouts as a server would have, each different by its number: of some items, with 0 to 4 calls, a few of them
 * failed, with one or two samples; graded by version 1 of the grader with and without a score, by another grader alone, and
 * a few graded again since.
 */
export async function seed(sql: Sql, count: number, prefix = 'r'): Promise<void> {
  const items = Array.from({ length: itemsSeeded }, (_, n) => ({ question: `question ${n}`, answer: String(n) }))
  const rollouts: object[] = []
  const calls: object[] = []
  const grades: object[] = []
  for (let n = 0; n < count; n += 1) {
    const id = `${prefix}${n}`
    const item = items[n % itemsSeeded]
    const item_hash = contentHash(item)
    const made = n % 5
    rollouts.push({ id, item_hash, calls: made, state: n % 7 === 0 ? { notes: ['noted', 'twice'] } : null, minutes: n })
    for (let seq = 1; seq <= made; seq += 1) {
      const outcome = n % 29 === 1 && seq === 1 ? 'failed' : 'ok'
      calls.push({ rollout_id: id, call_id: `call_${seq}`, seq, tool: seq % 2 === 1 ? 'search' : 'cat', outcome })
    }
    for (const turn of n % 11 === 0 ? [0, 1] : [0]) {
      const sample = { output_text: outputs[(n * 3 + turn * 2) % outputs.length] }
      const row = {
        rollout_id: id,
        sample,
        sample_hash: contentHash(sample),
        item_hash,
        minutes: n,
        reason: 'as it was',
      }
      const score = ((n * 7 + turn) % 21) / 20
      const unscored = n % 13 === 5
      if (n % 17 === 3)
        grades.push({ ...row, grader: 'other', version: '1', source: 'trainer', outcome: 'scored', score: 1 })
      if (n % 17 !== 3 || n % 2 === 0) {
        const made = { ...row, grader: 'graded', version: '1', source: 'trainer', code_hash: 'c0de1' }
        if (unscored) grades.push({ ...made, outcome: n % 2 === 0 ? 'failed' : 'ungradable', code: 'grader_timed_out' })
        else grades.push({ ...made, outcome: 'scored', score, parts: { number: score, old: 1 } })
      }
      if (n % 13 === 5 && n % 3 === 0) {
        const again = {
          ...row,
          grader: 'graded',
          version: '1',
          source: 'regrade',
          code_hash: 'c0de15',
          outcome: 'scored',
        }
        grades.push({ ...again, score: 0.3, parts: { number: 0.3 } })
      }
    }
  }
  const json = (rows: readonly object[]) => JSON.stringify(rows)
  await sql`
    insert into items (run, hash, content) select 'default', hash, content
    from jsonb_to_recordset(${json(items.map((content) => ({ hash: contentHash(content), content })))}::text::jsonb)
      as i(hash text, content jsonb) on conflict do nothing`
  await sql`
    insert into rollouts (run, id, item_hash, calls, state, created_at)
    select 'default', id, item_hash, calls, state, '2026-01-01'::timestamptz + make_interval(mins => minutes)
    from jsonb_to_recordset(${json(rollouts)}::text::jsonb)
      as r(id text, item_hash text, calls int, state jsonb, minutes int)`
  await sql`
    insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, started_at, finished_at)
    select r.run, r.number, call_id, seq, tool, '{}', c.outcome, 'said', now(), now()
    from jsonb_to_recordset(${json(calls)}::text::jsonb)
      as c(rollout_id text, call_id text, seq int, tool text, outcome text)
      join rollouts r on r.run = 'default' and r.id = c.rollout_id`
  await sql`
    insert into grades (run, rollout, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score,
      parts, reason, code, duration_ms, created_at)
    select r.run, r.number, grader, version, code_hash, source, sample_hash, sample, g.item_hash, g.outcome, score, parts, reason,
      code, 1, '2026-01-01'::timestamptz + make_interval(mins => minutes)
    from jsonb_to_recordset(${json(grades)}::text::jsonb)
      as g(rollout_id text, grader text, version text, code_hash text, source text, sample_hash text, sample jsonb,
        item_hash text, outcome text, score float8, parts jsonb, reason text, code text, minutes int)
      join rollouts r on r.run = 'default' and r.id = g.rollout_id`
}

const rowShape = z.object({
  id: z.coerce.number(),
  rollout_id: z.string(),
  grader: z.string(),
  version: z.string(),
  code_hash: z.string().nullable(),
  source: z.enum(['trainer', 'regrade']),
  sample_hash: z.string(),
  sample: z.object({ output_text: z.string() }),
  item_hash: z.string(),
  outcome: z.enum(['scored', 'failed', 'ungradable']),
  score: z.number().nullable(),
  parts: z.record(z.string(), z.number()).nullable(),
  reason: z.string().nullable(),
  code: z.string().nullable(),
  created_at: z.date(),
})

/** A recorded grading. */
export type GradeRow = z.infer<typeof rowShape>

/** All gradings, the oldest first. */
export async function gradeRows(sql: Sql): Promise<GradeRow[]> {
  return z.array(rowShape).parse([...(await sql`select * from ledger.gradings order by id`)])
}
