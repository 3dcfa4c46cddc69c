import type { Sql } from 'postgres'
import { storableText } from '../../base/json.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import type { KnownItems } from '../known-items.ts'
import { execute, retried } from '../statement.ts'
import type { GradingIdentity, GradingState } from './grading-lookup.ts'

/** A grading to be recorded as asked for by the trainer. */
export interface GradingRecord extends GradingIdentity {
  readonly version: string
  /** A hash of the grader's files; null where they are not known. */
  readonly codeHash: string | null
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

const writing = `
  with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(
      rollout_id text, grader text, version text, code_hash text, sample_hash text, sample jsonb, item_hash text, outcome text,
      score float8, parts jsonb, reason text, code text, duration_ms float8)
  ),
  kept_rollouts as (
    insert into rollouts (id, item_hash)
    select rollout_id, min(item_hash) from input group by rollout_id order by rollout_id
    on conflict (id) do nothing
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  )
  insert into grades (rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score, parts,
    reason, code, duration_ms)
  select rollout_id, grader, version, code_hash, 'trainer', sample_hash, coalesce(sample, 'null'), item_hash, outcome, score, parts,
    reason, code, duration_ms
  from input order by rollout_id, grader, sample_hash
  on conflict do nothing
  returning rollout_id, grader, sample_hash, score`

/**
 * Gives the function that records a grading with its rollout and item, those that arrive together in one statement, and
 * gives the score that counts: of two concurrent gradings of the same, the one that was recorded first. Null for a
 * grading without a score.
 */
export function createGradingRecorder(
  sql: Sql,
  knownItems: KnownItems,
  find: (grading: GradingIdentity) => Promise<GradingState>,
): (grading: GradingRecord) => Promise<number | null> {
  type Row = { rollout_id: string; grader: string; sample_hash: string; score: number | null }
  /** The score that was written, or undefined where one stood there. */
  const run = async (gradings: readonly GradingRecord[]) => {
    const unknown = knownItems.missing(gradings)
    const items = [...unknown].map(([hash, content]) => ({ hash, content: content ?? null }))
    const statement = { text: writing, values: [`[${gradings.map(textOf).join(',')}]`, JSON.stringify(items)] }
    const rows = await retried(() => execute<Row>(sql, statement))
    knownItems.add(unknown.keys())
    const written = new Set(rows.map(({ rollout_id, grader, sample_hash }) => keyOf(rollout_id, grader, sample_hash)))
    return gradings.map(({ rolloutId, grader, sampleHash, score }) => ({
      score: written.has(keyOf(rolloutId, grader, sampleHash)) ? score : undefined,
    }))
  }
  const batched = createBatcher<GradingRecord, { readonly score: number | null | undefined }>({
    run,
    maxEntries: 200,
    maxBytes: 8 * 1024 * 1024,
    sizeOf: (grading) => textOf(grading).length,
    keyOf: ({ rolloutId, grader, sampleHash }) => keyOf(rolloutId, grader, sampleHash),
    isNobodysFault: isUnavailable,
  })
  return async (grading) => {
    const { score } = await batched(grading)
    if (score !== undefined) return score
    const earlier = await find(grading)
    if (earlier.score === undefined) throw new Error('a grading was neither recorded nor found')
    return earlier.score
  }
}

const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts)

const textOf = (grading: GradingRecord): string =>
  storableText({
    rollout_id: grading.rolloutId,
    grader: grading.grader,
    version: grading.version,
    code_hash: grading.codeHash,
    sample_hash: grading.sampleHash,
    sample: grading.sample ?? null,
    item_hash: grading.itemHash,
    outcome: grading.outcome,
    score: grading.score,
    parts: grading.parts,
    reason: grading.reason,
    code: grading.code,
    duration_ms: grading.durationMs,
  })
