import type { Sql } from 'postgres'
import { storableText } from '../json.ts'
import type { TrajectoryCall } from '../trajectory.ts'

/** Which grading: the same three together are graded once. */
export interface GradingIdentity {
  readonly rolloutId: string
  readonly grader: string
  /** Hash of the sample's canonical JSON. */
  readonly sampleHash: string
}

/** A grading to be recorded as asked for by the trainer. */
export interface GradingRecord extends GradingIdentity {
  readonly version: string
  readonly sample: unknown
  readonly itemHash: string
  readonly item: unknown
  readonly outcome: 'scored' | 'ungradable' | 'failed'
  /** The score; null unless scored. */
  readonly score: number | null
  readonly parts: Readonly<Record<string, number>> | null
  /** Why, for a person. */
  readonly reason: string | null
  /** A stable code; null when scored. */
  readonly code: string | null
  readonly durationMs: number
}

/** What a grader is given of a rollout; a rollout that made no call has an empty trajectory. */
export interface RecordedRollout {
  readonly trajectory: readonly TrajectoryCall[]
  /** The stored state; null for none yet. */
  readonly state: unknown
  /** The item it was recorded with; undefined for a rollout that is not recorded. */
  readonly itemHash: string | undefined
  /** Whether a call of it is claimed under a lease that has not run out, or runs in a transaction somewhere. */
  readonly running: boolean
  /** The first call that failed, or whose owner died, and has not succeeded since. */
  readonly failed: { readonly callId: string; readonly tool: string } | undefined
}

/** The score that the trainer was given for this grading before, if it was. */
export async function findScore(sql: Sql, grading: GradingIdentity): Promise<number | undefined> {
  const [row] = await sql<{ score: number }[]>`
    select score from grades
    where rollout_id = ${grading.rolloutId} and grader = ${grading.grader} and sample_hash = ${grading.sampleHash}
      and outcome = 'scored' and source = 'trainer'`
  return row?.score
}

interface CallRow extends TrajectoryCall {
  readonly lapsed: boolean
}

/** Reads a rollout's trajectory in order, its state and whether it can be graded. */
export async function readRollout(sql: Sql, rolloutId: string): Promise<RecordedRollout> {
  // First of all: a transaction that ends after this has been asked is seen by what is read then.
  const [lock] = await sql<{ free: boolean }[]>`
    select pg_try_advisory_xact_lock_shared(hashtextextended(${rolloutId}, 0)) as free`
  const [rows, [rollout]] = await Promise.all([
    sql<CallRow[]>`
      select seq, call_id as "callId", tool, arguments, output, outcome, code, attempt, started_at as "startedAt",
        finished_at as "finishedAt", coalesce(outcome = 'running' and lease_until < now(), false) as lapsed
      from tool_calls where rollout_id = ${rolloutId} order by seq`,
    sql<{ itemHash: string; state: unknown }[]>`
      select item_hash as "itemHash", state from rollouts where id = ${rolloutId}`,
  ])
  const failed = rows.find(({ outcome, lapsed }) => outcome === 'failed' || lapsed)
  return {
    trajectory: rows.map(({ lapsed: _, ...call }) => call),
    state: rollout?.state ?? null,
    itemHash: rollout?.itemHash,
    running: lock?.free !== true || rows.some(({ outcome, lapsed }) => outcome === 'running' && !lapsed),
    failed: failed && { callId: failed.callId, tool: failed.tool },
  }
}

/**
 * Records a grading with its rollout and item, and gives the score that counts: of two concurrent gradings of the same,
 * the one that was recorded first. Gives null for a grading without a score.
 */
export async function recordGrading(sql: Sql, grading: GradingRecord): Promise<number | null> {
  const [written] = await sql<{ score: number | null }[]>`
    with item as (
      insert into items (hash, content)
      values (${grading.itemHash}, ${JSON.stringify(grading.item ?? null)}::text::jsonb)
      on conflict (hash) do update set last_used_at = now()
    ),
    rollout as (
      insert into rollouts (id, item_hash) values (${grading.rolloutId}, ${grading.itemHash}) on conflict (id) do nothing
    )
    insert into grades (rollout_id, grader, version, source, sample_hash, sample, item_hash, outcome, score, parts,
      reason, code, duration_ms)
    values (${grading.rolloutId}, ${grading.grader}, ${grading.version}, 'trainer', ${grading.sampleHash},
      ${JSON.stringify(grading.sample)}::text::jsonb, ${grading.itemHash}, ${grading.outcome}, ${grading.score}::float8,
      ${grading.parts === null ? null : storableText(grading.parts)}::text::jsonb, ${grading.reason}, ${grading.code},
      ${grading.durationMs}::float8)
    on conflict do nothing
    returning score`
  if (written !== undefined) return written.score
  const earlier = await findScore(sql, grading)
  if (earlier === undefined) throw new Error('a grading was neither recorded nor found')
  return earlier
}
