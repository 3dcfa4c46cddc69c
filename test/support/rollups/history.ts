import type { Sql } from 'postgres'
import { contentHash } from '../../../src/base/json.ts'
import { foldTurn } from '../../../src/ledger/rollups/fold.ts'

/** A recorded rollout, with what tests care about; everything else has a plausible value. */
export interface RecordedRollout {
  readonly run?: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The question; by default the rollout has no item. */
  readonly item?: string
  readonly calls?: readonly RecordedCall[]
  readonly gradings?: readonly RecordedGrading[]
  /** Whether it has ended without a grading. */
  readonly isEnded?: boolean
}

/** A recorded call; it starts with its rollout, and takes ten milliseconds. */
export interface RecordedCall {
  readonly tool?: string
  readonly outcome?: 'running' | 'ok' | 'refused' | 'failed'
  readonly code?: string
  readonly execution?: number
  readonly ms?: number
  readonly output?: string
}

/** A recorded grading: scored if it has a score. */
export interface RecordedGrading {
  readonly score?: number
  readonly outcome?: 'failed' | 'ungradable'
  readonly parts?: Readonly<Record<string, number>>
  readonly answer?: string
  /** How long after the beginning of its rollout, in milliseconds; default one second. */
  readonly after?: number
}

/** Writes rollouts into the ledger as if they had been recorded at these times. */
export async function recordHistory(sql: Sql, rollouts: readonly RecordedRollout[]): Promise<void> {
  const rows = rollouts.map(({ run = 'run', at, item, calls = [], gradings = [], isEnded = false }, n) => {
    const content = item === undefined ? {} : { question: item }
    const first = gradings[0]
    return {
      n,
      run,
      at: new Date(at),
      item_hash: contentHash(content),
      content,
      calls: calls.length,
      graded_at: first && new Date(at + (first.after ?? 1_000)),
      ended_at: isEnded ? new Date(at + 2_000) : null,
      made: calls.map((call, index) => ({
        seq: index + 1,
        tool: call.tool ?? 'search',
        outcome: call.outcome ?? 'ok',
        code: call.code ?? null,
        execution: call.execution ?? 1,
        output: call.output ?? 'found',
        started_at: new Date(at),
        finished_at: call.outcome === 'running' ? null : new Date(at + (call.ms ?? 10)),
      })),
      given: gradings.map((grading) => ({
        outcome: grading.score === undefined ? (grading.outcome ?? 'failed') : 'scored',
        score: grading.score ?? null,
        parts: grading.parts ?? null,
        sample: { output_text: grading.answer ?? `answer ${n}` },
        code: grading.score === undefined ? 'grader_failed' : null,
        at: new Date(at + (grading.after ?? 1_000)),
      })),
    }
  })
  const text = JSON.stringify(rows)
  await sql.unsafe(
    `with input as materialized (
       select * from jsonb_to_recordset($1::text::jsonb) as i(n int, run text, at timestamptz, item_hash text, content jsonb,
         calls int, graded_at timestamptz, ended_at timestamptz, made jsonb, given jsonb)
     ),
     named as (insert into runs (name) select distinct run from input on conflict do nothing),
     kept as (
       insert into items (run, hash, content) select distinct run, item_hash, content from input on conflict do nothing
     ),
     numbered as materialized (select *, nextval('rollout_numbers') as number from input),
     begun as (
       insert into rollouts (run, number, id, item_hash, calls, created_at, graded_at, ended_at, wire, key_name)
       select run, number, 'trace_' || number, item_hash, calls, at, graded_at, ended_at, 'agent-rft', 'lab' from numbered
     ),
     called as (
       insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, code, execution, started_at, finished_at)
       select run, number, 'call_' || c.seq, c.seq, c.tool, '{}', c.outcome, c.output, c.code, c.execution, c.started_at, c.finished_at
       from numbered cross join jsonb_to_recordset(made) as c(seq int, tool text, outcome text, code text, execution int,
         output text, started_at timestamptz, finished_at timestamptz)
     )
     insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, parts, code,
       duration_ms, created_at)
     select run, number, 'exact', '1', 'trainer', md5(g.sample::text), g.sample, item_hash, g.outcome, g.score, g.parts, g.code, 5, g.at
     from numbered cross join jsonb_to_recordset(given) as g(outcome text, score float8, parts jsonb, sample jsonb, code text,
       at timestamptz)`,
    [text],
  )
}

/** Folds until nothing is left; each turn reads at most `size` facts of a kind. */
export async function foldAll(sql: Sql, size?: number): Promise<void> {
  for (let turns = 0; turns < 10_000; turns += 1) {
    if ((await foldTurn(sql, { ...(size !== undefined && { size }) })) === 'done') return
  }
  throw new Error('there is always more to fold')
}
