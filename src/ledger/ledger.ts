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

/** What {@link createLedger} needs: raw SQL, drizzle on a client of its own, the budget and the time of day. */
export interface LedgerSettings {
  readonly sql: Sql
  readonly db: Db
  readonly budget: Budget | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Everything that is asked of the tables of the ledger. */
export type Ledger = ReturnType<typeof createLedger>

/** Opens the ledger: the only way to the tables `items`, `rollouts`, `tool_calls` and `grades`. */
export function createLedger({ sql, db, budget, now }: LedgerSettings) {
  const knownItems = createKnownItems(now)
  const record = createRecorder(sql, budget, knownItems)
  const findGrading = createGradingLookup(sql)
  return {
    /** Looks a call up before it runs. */
    lookup: createLookup(sql),
    /** Writes a call unless it stands there; see {@link createRecorder}. */
    record,
    /** Runs a call in a transaction under the rollout's lock; see {@link createTransactor}. */
    transact: createTransactor({ sql, db, budget, knownItems }, record),
    /** Ends a claimed call if the claim still holds; see {@link settleClaim}. */
    settle: (claim: Claim, end: ClaimEnd, change?: (stored: unknown) => unknown) =>
      settleClaim({ sql, db }, claim, end, change),
    /** Extends leases; see {@link renewClaims}. */
    renew: (tokens: readonly string[], seconds: number) => renewClaims(sql, tokens, seconds),
    /** Records the calls of owners that died as failed; see {@link expireClaims}. */
    expire: (seconds: number) => expireClaims(sql, seconds),
    /** Reads a rollout for its grading; see {@link createRolloutReader}. */
    readRollout: createRolloutReader(sql),
    /** What there is of a grading; see {@link createGradingLookup}. */
    findGrading,
    /** Records a grading and gives the score that counts; see {@link createGradingRecorder}. */
    recordGrading: createGradingRecorder(sql, knownItems, findGrading),
    /** Reads a rollout's stored state; null for none yet. */
    async readState(rolloutId: string): Promise<unknown> {
      const [row] = await sql<{ state: unknown }[]>`select state from rollouts where id = ${rolloutId}`
      return row?.state ?? null
    },
    /** Deletes old rollouts; see {@link deleteRollouts}. */
    deleteRollouts: (days: number, batch?: number) => deleteRollouts(sql, days, batch),
    /** Whether the database answers; throws what the query throws. */
    async ping(): Promise<void> {
      await sql`select 1`
    },
  }
}
