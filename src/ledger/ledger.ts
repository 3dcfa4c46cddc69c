import type { Sql } from 'postgres'
import type { Db } from '../kit/environment.ts'
import type { Budget } from './calls/call.ts'
import { type Claim, type ClaimEnd, expireClaims, renewClaims, settleClaim } from './calls/claims.ts'
import { createLookup } from './calls/lookup.ts'
import { createRecorder } from './calls/record.ts'
import { createTransactor } from './calls/transact.ts'
import { createGradingLookup } from './gradings/grading-lookup.ts'
import { createGradingRecorder } from './gradings/gradings.ts'
import { createKnownItems } from './known-items.ts'
import { deleteRollouts } from './retention.ts'
import { createRolloutReader } from './rollout.ts'

/** What {@link createLedger} needs: raw SQL, drizzle on a separate client, the budget and a clock. */
export interface LedgerSettings {
  readonly sql: Sql
  readonly db: Db
  readonly budget: Budget | undefined
  /** How long after a call, and after a grading, a rollout ends, in seconds; by default an hour, and five minutes. */
  readonly idleSeconds?: number
  readonly keepSeconds?: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** All queries on the ledger's tables. */
export type Ledger = ReturnType<typeof createLedger>

/** Creates the ledger, the only way to the tables `items`, `rollouts`, `tool_calls` and `grades`. */
export function createLedger({ sql, db, budget, now }: LedgerSettings) {
  const knownItems = createKnownItems(now)
  const record = createRecorder(sql, budget, knownItems)
  const findGrading = createGradingLookup(sql)
  return {
    /** Looks up a call before it runs. */
    lookup: createLookup(sql),
    /** Records a call unless it is recorded; see {@link createRecorder}. */
    record,
    /** Runs a call in a transaction under the rollout's lock; see {@link createTransactor}. */
    transact: createTransactor({ sql, db, budget, knownItems }, record),
    /** Ends a claimed call if the claim still holds; see {@link settleClaim}. */
    settle: (claim: Claim, end: ClaimEnd, change?: (stored: unknown) => unknown) =>
      settleClaim({ sql, db }, claim, end, change),
    /** Extends leases; see {@link renewClaims}. */
    renew: (tokens: readonly string[], seconds: number) => renewClaims(sql, tokens, seconds),
    /** Records the calls of dead owners as failed; see {@link expireClaims}. */
    expire: (seconds: number) => expireClaims(sql, seconds),
    /** Reads a rollout for its grading; see {@link createRolloutReader}. */
    readRollout: createRolloutReader(sql),
    /** Looks up a grading; see {@link createGradingLookup}. */
    findGrading,
    /** Records a grading and resolves with the score that counts; see {@link createGradingRecorder}. */
    recordGrading: createGradingRecorder(sql, knownItems, findGrading),
    /** Reads a rollout's stored state; null if it has none yet. */
    async readState(rolloutId: string): Promise<unknown> {
      const [row] = await sql<{ state: unknown }[]>`select state from rollouts where id = ${rolloutId}`
      return row?.state ?? null
    },
    /** Deletes old rollouts; see {@link deleteRollouts}. */
    deleteRollouts: (days: number, batch?: number) => deleteRollouts(sql, days, batch),
    /** Resolves if the database answers; throws what the query throws. */
    async ping(): Promise<void> {
      await sql`select 1`
    },
  }
}
