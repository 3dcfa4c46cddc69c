import { randomUUID } from 'node:crypto'
import type { Sql } from 'postgres'
import { stringifyExactly } from '../../base/exact-json.ts'
import { storableText } from '../../base/json.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { ItemMismatchError, noItemHash } from '../attempt.ts'
import { createRunBatcher } from '../batch.ts'
import { type KnownItems, restoreItems } from '../items.ts'
import { execute, retried } from '../statement.ts'
import type { GradingIdentity, GradingState, StoredScore } from './grading-lookup.ts'

/** A grading that the trainer requested, to be recorded. */
export interface GradingRecord extends GradingIdentity {
  /** The attempt's place among those of its rollout: 1, 2 … It is made if it is not recorded yet. */
  readonly attempt: number
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
  /** The protocol and the name of the key by which the grading arrived, recorded with a new attempt. */
  readonly wire?: string | undefined
  readonly key?: string | undefined
}

// The execution's token makes the statement repeatable: one whose answer was lost, or which still runs when it is sent
// again, writes the grading once.
/** The text of the statement that records gradings, one of a rollout. `$3` is the run of every row that it visits. */
export const gradingsText = `
  with input as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as i(
      n int, rollout_id text, number int8, attempt int, grader text, version text, code_hash text, execution text,
      sample_hash text, sample jsonb, item_hash text, outcome text, score float8, parts jsonb, reason text, code text,
      duration_ms float8, wire text, key_name text)
  ),
  kept_items as (
    insert into items (run, hash, content)
    select $3::text, hash, coalesce(content, 'null') from jsonb_to_recordset($2::text::jsonb) as i(hash text, content jsonb)
    order by hash
    on conflict (run, hash) do update set last_used_at = now()
  ),
  kept_run as (
    insert into runs (name) select $3::text from input where number is null limit 1 on conflict (name) do nothing
    returning 1
  ),
  graded as (
    insert into rollouts as r (run, number, id, attempt, item_hash, graded_at, due_at, wire, key_name)
    select $3::text, coalesce(number, nextval('rollout_numbers')), rollout_id, attempt, item_hash, now(),
      now() + make_interval(secs => $4::text::float8), wire, key_name
    from input order by rollout_id, attempt
    on conflict (run, id, attempt) do update set graded_at = coalesce(r.graded_at, excluded.graded_at),
        due_at = excluded.due_at,
        item_hash = case r.item_hash when '${noItemHash}' then excluded.item_hash else r.item_hash end
      where r.item_hash in (excluded.item_hash, '${noItemHash}') or excluded.item_hash = '${noItemHash}'
    returning r.id, r.number
  ),
  written as (
    insert into grades (run, rollout, grader, version, code_hash, source, execution, sample_hash, sample, item_hash, outcome,
      score, parts, reason, code, duration_ms)
    select $3::text, r.number, grader, version, code_hash, 'trainer', execution, sample_hash, coalesce(sample, 'null'),
      item_hash, outcome, score, parts, reason, code, duration_ms
    from input i join graded r on r.id = i.rollout_id
    order by rollout_id
    on conflict do nothing
    returning execution
  )
  select n, r.number::float8 as number, exists (select from kept_run) as is_new_run, case
      when r.number is null then 'other item'
      when i.execution in (select execution from written) then 'written'
      else 'existing' end as how
  from input i left join graded r on r.id = i.rollout_id`

/** `other item`: the attempt was recorded with another item meanwhile. */
type Written = { readonly how: 'written' | 'existing' | 'other item'; readonly number: number | null }

/** What {@link createGradingRecorder} needs. */
export interface GradingRecorderSettings {
  readonly sql: Sql
  readonly knownItems: KnownItems
  /** An attempt ends so long after its latest grading, in seconds. */
  readonly keepSeconds: number
  readonly find: (grading: GradingIdentity) => Promise<GradingState>
}

/** A recorded grading: the score that counts, undefined for a grading without one, and the attempt. */
export interface RecordedGrading {
  readonly stored: StoredScore | undefined
  readonly number: number
}

/**
 * Creates the function that records a grading with its attempt and item; concurrent gradings of a run share one statement.
 * It resolves with the score that counts: of two concurrent gradings with the same identity, the one recorded first;
 * undefined for a grading without a score. Throws an {@link ItemMismatchError} for an attempt that was recorded with another item.
 */
export function createGradingRecorder({ sql, knownItems, keepSeconds, find }: GradingRecorderSettings) {
  const run = async (entries: readonly Entry[]): Promise<readonly Written[]> => {
    const records = entries.map(({ record }) => record)
    const name = records[0]?.run ?? ''
    const unknown = knownItems.missing(records)
    const items = [...unknown].map(([hash, content]) => ({ hash, content: content ?? null }))
    const input = `[${entries.map(({ text }, n) => `{"n":${n},${text.slice(1)}`).join(',')}]`
    const values = [input, stringifyExactly(items), name, String(keepSeconds)]
    type Row = Written & { n: number; is_new_run: boolean }
    const rows = await retried(() => execute<Row>(sql, { text: gradingsText, values }))
    if (rows.some((row) => row.is_new_run)) await restoreItems(sql, knownItems, name, records)
    else knownItems.add(name, unknown.keys())
    const results: Written[] = []
    for (const { n, how, number } of rows) results[n] = { how, number }
    return results
  }
  const batched = createRunBatcher<Entry, Written>({
    run,
    maxEntries: 200,
    maxBytes: 8 * 1024 * 1024,
    sizeOf: ({ text }) => text.length,
    runOf: ({ record }) => record.run,
    keyOf: ({ record }) => record.rolloutId,
    concernsAll: isUnavailable,
  })
  return async (record: GradingRecord): Promise<RecordedGrading> => {
    const { how, number } = await batched({ record, text: textOf(record, randomUUID()) })
    if (how === 'other item' || number === null) throw new ItemMismatchError(record.rolloutId)
    const { score, parts, reason } = record
    if (score === null) return { stored: undefined, number }
    if (how === 'written') return { stored: { score, parts, reason }, number }
    const { stored } = await find({ ...record, number })
    if (stored === undefined) throw new Error('a grading is recorded, and its score is not')
    return { stored, number }
  }
}

interface Entry {
  readonly record: GradingRecord
  readonly text: string
}

function textOf(grading: GradingRecord, execution: string): string {
  return storableText({
    rollout_id: grading.rolloutId,
    number: grading.number ?? null,
    attempt: grading.attempt,
    grader: grading.grader,
    version: grading.version,
    code_hash: grading.codeHash,
    execution,
    sample_hash: grading.sampleHash,
    sample: grading.sample ?? null,
    item_hash: grading.itemHash,
    outcome: grading.outcome,
    score: grading.score,
    parts: grading.parts,
    reason: grading.reason,
    code: grading.code,
    duration_ms: grading.durationMs,
    wire: grading.wire ?? null,
    key_name: grading.key ?? null,
  })
}
