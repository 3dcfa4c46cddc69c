import type { Sql } from 'postgres'
import { isUnavailable } from '../../postgres/database.ts'
import { type LatestAttempt, lockKey, type RolloutKey } from '../attempt.ts'
import { createRunBatcher } from '../batch.ts'
import { execute } from '../statement.ts'

/** The identity of a grading, which is graded once in each attempt. */
export interface GradingIdentity extends RolloutKey {
  readonly grader: string
  /** Hash of the sample's canonical JSON. */
  readonly sampleHash: string
  readonly itemHash: string
  /** The attempt to grade; by default the latest one. */
  readonly number?: number | undefined
}

/** A recorded score, with its parts and the reason for it, null if it has none. */
export interface StoredScore {
  readonly score: number
  readonly parts: Readonly<Record<string, number>> | null
  readonly reason: string | null
}

/** What is recorded of a grading and its rollout. */
export interface GradingState {
  /** The attempt that the grading names, otherwise the latest one; undefined if the rollout is not recorded. */
  readonly latest: LatestAttempt | undefined
  /** The score of that attempt that was already sent to the trainer; undefined if none was. */
  readonly stored: StoredScore | undefined
  /** Whether a call of the rollout runs in a transaction, on any replica. */
  readonly inTransaction: boolean
}

interface Row {
  readonly n: number
  readonly free: boolean
  readonly number: number | null
  readonly attempt: number
  readonly item_hash: string
  readonly graded: boolean
  readonly ended: boolean
  readonly begun: boolean
  readonly score: number | null
  readonly parts: StoredScore['parts']
  readonly reason: string | null
}

/** The text of the look-up. `$2` is the run of every row that it visits. */
export const gradingLookupText = `
  select i.n, r.number::float8 as number, r.attempt, r.item_hash, r.graded_at is not null as graded,
    r.ended_at is not null as ended, r.begun_at is not null as begun, g.score, g.parts, g.reason,
    pg_try_advisory_xact_lock_shared(${lockKey('$2::text', 'i.r')}) as free
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, a int8, g text, s text, t text)
  left join lateral (
    select * from rollouts where run = $2::text and id = i.r and (i.a is null or number = i.a) order by attempt desc limit 1
  ) r on true
  left join lateral (
    select score, parts, reason from grades where run = $2::text and rollout = r.number and grader = i.g and sample_hash = i.s
      and item_hash = i.t and outcome = 'scored' and source = 'trainer' limit 1
  ) g on true`

/**
 * Creates the function that looks up a grading; concurrent lookups of a run share one statement. A transaction that is
 * reported as not running is visible to later reads.
 */
export function createGradingLookup(sql: Sql): (grading: GradingIdentity) => Promise<GradingState> {
  const run = async (gradings: readonly GradingIdentity[]): Promise<readonly GradingState[]> => {
    const input = gradings.map((each, n) => ({
      n,
      r: each.rolloutId,
      a: each.number,
      g: each.grader,
      s: each.sampleHash,
      t: each.itemHash,
    }))
    const found: GradingState[] = []
    const values = [JSON.stringify(input), gradings[0]?.run ?? '']
    for (const row of await execute<Row>(sql, { text: gradingLookupText, values })) {
      const { n, number, attempt, item_hash: itemHash, graded, ended, begun, score, parts, reason, free } = row
      const latest = number === null ? undefined : { number, attempt, itemHash, graded, ended, begun }
      found[n] = { latest, stored: score === null ? undefined : { score, parts, reason }, inTransaction: !free }
    }
    return found
  }
  // Each takes a lock briefly; Postgres has room for a few thousand.
  const together = { maxEntries: 100, maxBytes: Number.POSITIVE_INFINITY, sizeOf: () => 0 }
  const runOf = (grading: GradingIdentity) => grading.run
  return createRunBatcher<GradingIdentity, GradingState>({ run, ...together, runOf, concernsAll: isUnavailable })
}

const elsewhere = `
  select g.score, g.parts, g.reason, r.number::float8 as number from rollouts r join grades g on g.run = $1::text and g.rollout = r.number
  where r.run = $1::text and r.id = $2::text and r.ended_at is null and g.grader = $3::text and g.sample_hash = $4::text
    and g.item_hash = $5::text and g.outcome = 'scored' and g.source = 'trainer'
  order by r.attempt desc limit 1`

/** A score that was sent before, and the attempt that has it. */
export interface EarlierScore extends StoredScore {
  readonly number: number
}

/**
 * Finds the score of a grading in an earlier attempt of its rollout that has not ended: a late retry, which arrives after the
 * rollout was begun again with another item.
 */
export async function findScoreElsewhere(sql: Sql, grading: GradingIdentity): Promise<EarlierScore | undefined> {
  const { run, rolloutId, grader, sampleHash, itemHash } = grading
  const values = [run, rolloutId, grader, sampleHash, itemHash]
  const [row] = await execute<EarlierScore>(sql, { text: elsewhere, values })
  return row
}

const firstSample = `
  select sample_hash from grades
  where run = $1::text and rollout = $2::text::int8 and grader = $3::text and outcome = 'scored' and source = 'trainer'
  order by id limit 1`

/**
 * Returns the hash of the sample that was scored first in an attempt by this grader; undefined if none was. The order of ids is
 * the order of commits, because a grading gets its id while its statement has the lock of the attempt's row. A grading
 * that is recorded, and for which this returns its own sample, therefore stays the first.
 */
export async function findFirstSample(
  sql: Sql,
  { run, number, grader }: { readonly run: string; readonly number: number; readonly grader: string },
): Promise<string | undefined> {
  const [row] = await execute<{ sample_hash: string }>(sql, {
    text: firstSample,
    values: [run, String(number), grader],
  })
  return row?.sample_hash
}
