import type { Sql } from 'postgres'
import { stringifyExactly } from '../../base/exact-json.ts'
import { storableText } from '../../base/json.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import { ItemMismatchError, noItemHash } from '../attempt.ts'
import type { KnownItems } from '../known-items.ts'
import { execute, retried } from '../statement.ts'
import type { GradingIdentity, GradingState } from './grading-lookup.ts'

/** A grading that the trainer requested, to be recorded. */
export interface GradingRecord extends GradingIdentity {
  readonly version: string
  /** A hash of the grader's files; null if they are unknown. */
  readonly codeHash: string | null
  readonly sample: unknown
  readonly item: unknown
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

// No unique index covers gradings without a score. The duration identifies one, so that a statement whose answer was lost
// can run again without writing it twice.
const writing = `
  with input as materialized (
    select i.*, (select item_hash from rollouts where id = i.rollout_id) as stored_item
    from jsonb_to_recordset($1::text::jsonb) as i(
      n int, rollout_id text, grader text, version text, code_hash text, sample_hash text, sample jsonb, item_hash text,
      outcome text, score float8, parts jsonb, reason text, code text, duration_ms float8)
  ),
  kept_rollouts as (
    insert into rollouts (id, item_hash)
    select rollout_id, coalesce(min(item_hash) filter (where item_hash <> '${noItemHash}'), '${noItemHash}')
    from input where stored_item is null group by rollout_id order by rollout_id
    on conflict (id) do nothing
    returning id, item_hash
  ),
  kept_items as (
    insert into items (hash, content)
    select hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (hash) do update set last_used_at = now()
  ),
  checked as materialized (
    select i.*, case
        when i.stored_item is null then k.item_hash
        else i.stored_item end as rollout_item
    from input i
    left join kept_rollouts k on k.id = i.rollout_id
  ),
  written as (
    insert into grades (rollout_id, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score,
      parts, reason, code, duration_ms)
    select rollout_id, grader, version, code_hash, 'trainer', sample_hash, coalesce(sample, 'null'), item_hash, outcome,
      score, parts, reason, code, duration_ms
    from checked c
    where (rollout_item = item_hash or item_hash = '${noItemHash}' and rollout_item is not null)
      and (outcome = 'scored' or (
      select true from grades g where g.rollout_id = c.rollout_id and g.grader = c.grader
        and g.sample_hash = c.sample_hash and g.outcome = c.outcome and g.duration_ms = c.duration_ms limit 1) is null)
    order by rollout_id, grader, sample_hash
    on conflict do nothing
    returning rollout_id, grader, sample_hash
  )
  select n, case
      when rollout_item is null then 'unknown item'
      when rollout_item <> item_hash and item_hash <> '${noItemHash}' then
        case rollout_item when '${noItemHash}' then 'unbound' else 'other item' end
      when outcome <> 'scored' or exists (
        select from written w
        where w.rollout_id = c.rollout_id and w.grader = c.grader and w.sample_hash = c.sample_hash) then 'written'
      else 'existing' end as how
  from checked c`

/**
 * `unknown item`: the rollout is recorded concurrently, and its item is not visible yet; `unbound`: it has no item yet, and
 * the grading has one.
 */
type Written = 'written' | 'existing' | 'other item' | 'unknown item' | 'unbound'

// By its key, in a statement of its own: a join of a batch with the rollouts is planned as a scan while the table is new.
const binding = `update rollouts set item_hash = $2::text where id = $1::text and item_hash = '${noItemHash}'`

/**
 * Creates the function that records a grading with its rollout and item; concurrent gradings share one statement. It
 * resolves with the score that counts: of two concurrent gradings with the same identity, the one recorded first; null for
 * a grading without a score. Throws an {@link ItemMismatchError} for a rollout that was recorded with another item.
 */
export function createGradingRecorder(
  sql: Sql,
  knownItems: KnownItems,
  find: (grading: GradingIdentity) => Promise<GradingState>,
): (grading: GradingRecord) => Promise<number | null> {
  const run = async (gradings: readonly GradingRecord[]): Promise<readonly Written[]> => {
    const unknown = knownItems.missing(gradings)
    const items = [...unknown].map(([hash, content]) => ({ hash, content: content ?? null }))
    const statement = {
      text: writing,
      values: [`[${gradings.map(textOf).join(',')}]`, stringifyExactly(items)],
    }
    const rows = await retried(() => execute<{ n: number; how: Written }>(sql, statement))
    knownItems.add(unknown.keys())
    const results: Written[] = []
    for (const { n, how } of rows) results[n] = how
    return results
  }
  const batched = createBatcher<GradingRecord, Written>({
    run,
    maxEntries: 200,
    maxBytes: 8 * 1024 * 1024,
    sizeOf: (grading) => textOf(grading, 0).length,
    keyOf: ({ rolloutId, grader, sampleHash }) => JSON.stringify([rolloutId, grader, sampleHash]),
    concernsAll: isUnavailable,
  })
  return async (grading) => {
    for (let turn = 1; turn <= 5; turn += 1) {
      const how = await batched(grading)
      if (how === 'other item') throw new ItemMismatchError(grading.rolloutId)
      if (how === 'written') return grading.score
      if (how === 'unknown item') continue
      if (how === 'unbound') {
        const { rolloutId, itemHash } = grading
        await retried(() => execute(sql, { text: binding, values: [rolloutId, itemHash] }))
        continue
      }
      const { score } = await find(grading)
      if (score !== undefined) return score
      // The unique index does not include the item: the sample was scored with another one, before rollouts were bound to one.
      throw new ItemMismatchError(grading.rolloutId)
    }
    throw new Error('the rollout of a grading could not be recorded')
  }
}

function textOf(grading: GradingRecord, n: number): string {
  return storableText({
    n,
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
}
