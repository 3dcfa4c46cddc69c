import { createHash } from 'node:crypto'
import type { Database } from '../../../src/postgres/database.ts'

/** A rollout as a test wants it recorded. */
export interface Recorded {
  readonly id: string
  readonly item?: Readonly<Record<string, unknown>>
  /** When it was graded, in milliseconds after the beginning; calls are before. */
  readonly at?: number
  readonly outcome?: 'scored' | 'ungradable' | 'failed' | 'open'
  readonly score?: number
  readonly output?: string | null
  readonly calls?: readonly { readonly from: number; readonly to: number; readonly outcome?: string }[]
  readonly grader?: string
}

export const beginning = Date.UTC(2026, 9, 1)
const timestamp = (ms: number) => new Date(beginning + ms).toISOString()

/** Records rollouts with the test's own timestamps, as the ledger's statements do. */
export async function record({ sql }: Pick<Database, 'sql'>, rollouts: readonly Recorded[]): Promise<void> {
  for (const {
    id,
    item = {},
    at = 0,
    outcome = 'scored',
    score = 1,
    output = 'yes',
    calls = [],
    grader = 'g',
  } of rollouts) {
    const content = JSON.stringify({ messages: [{ role: 'user', content: 'how much?' }], answer: 'yes', ...item })
    const hash = createHash('sha256').update(content).digest('hex')
    await sql`insert into items (run, hash, content) values ('default', ${hash}, ${content}::text::jsonb) on conflict do nothing`
    await sql`
      insert into rollouts (run, id, item_hash, calls, state, created_at)
      values ('default', ${id}, ${hash}, ${calls.length}, ${JSON.stringify({ notes: [id] })}::text::jsonb, ${timestamp(at - 100)}::text::timestamptz)
      on conflict (run, id, attempt) do nothing`
    const [rollout] = await sql<{ number: string }[]>`select number from rollouts where run = 'default' and id = ${id}`
    const number = rollout?.number ?? null
    for (const [n, call] of calls.entries()) {
      await sql`
        insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, started_at, finished_at)
        values ('default', ${number}, ${`a-call-of-the-trainer-with-a-long-name-${n}`}, ${n + 1}, 'look', '{"word":"x"}',
          ${call.outcome ?? 'ok'}, ${`page ${n + 1}`}, ${timestamp(at - 100 + call.from)}::text::timestamptz,
          ${timestamp(at - 100 + call.to)}::text::timestamptz)`
    }
    if (outcome === 'open') continue
    const sample = JSON.stringify({ choices: [], output_text: output })
    await sql`
      insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, parts, reason,
        code, duration_ms, created_at)
      values ('default', ${number}, ${grader}, '1', 'trainer', ${`s${output}`}, ${sample}::text::jsonb, ${hash}, ${outcome},
        ${outcome === 'scored' ? String(score) : null}::text::float8,
        ${outcome === 'scored' ? JSON.stringify({ answer: score }) : null}::text::jsonb, 'because',
        ${outcome === 'scored' ? null : outcome}, 1.5, ${timestamp(at)}::text::timestamptz)`
  }
}
