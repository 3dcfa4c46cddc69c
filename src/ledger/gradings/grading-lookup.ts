import type { Sql } from 'postgres'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import { execute } from '../statement.ts'

/** The identity of a grading, which is graded once. */
export interface GradingIdentity {
  readonly rolloutId: string
  readonly grader: string
  /** Hash of the sample's canonical JSON. */
  readonly sampleHash: string
  readonly itemHash: string
}

/** What prevents a grading or makes it unnecessary. */
export interface GradingState {
  /** The score that was already sent to the trainer; undefined if there is none. */
  readonly score: number | undefined
  /** Whether a call of the rollout runs in a transaction, on any replica. */
  readonly inTransaction: boolean
}

const asking = `
  select i.n, g.score, pg_try_advisory_xact_lock_shared(hashtextextended(i.r, 0)) as free
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, g text, s text, t text)
  left join lateral (
    select score from grades where rollout_id = i.r and grader = i.g and sample_hash = i.s
      and item_hash = i.t and outcome = 'scored' and source = 'trainer' limit 1
  ) g on true`

/**
 * Creates the function that looks up a grading; concurrent lookups share one statement. A transaction that is reported as
 * not running is visible to later reads.
 */
export function createGradingLookup(sql: Sql): (grading: GradingIdentity) => Promise<GradingState> {
  const run = async (gradings: readonly GradingIdentity[]): Promise<readonly GradingState[]> => {
    const input = gradings.map((each, n) => ({
      n,
      r: each.rolloutId,
      g: each.grader,
      s: each.sampleHash,
      t: each.itemHash,
    }))
    const found: GradingState[] = []
    type Row = { n: number; score: number | null; free: boolean }
    for (const { n, score, free } of await execute<Row>(sql, { text: asking, values: [JSON.stringify(input)] })) {
      found[n] = { score: score ?? undefined, inTransaction: !free }
    }
    return found
  }
  // Each takes a lock briefly; Postgres has room for a few thousand.
  const together = { maxEntries: 100, maxBytes: Number.POSITIVE_INFINITY, sizeOf: () => 0 }
  return createBatcher<GradingIdentity, GradingState>({ run, ...together, concernsAll: isUnavailable })
}
