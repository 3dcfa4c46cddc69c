import type { Sql } from 'postgres'
import type { Db } from '../kit/environment.ts'
import type { RolloutTable } from '../postgres/roles.ts'
import { createBeginner } from './begin.ts'
import type { Budget } from './calls/call.ts'
import { type Claim, type ClaimEnd, expireClaims, renewClaims, settleClaim } from './calls/claims.ts'
import { createLocator } from './calls/lookup.ts'
import { createRecorder } from './calls/record.ts'
import { createTransactor } from './calls/transact.ts'
import { type DeletedSelection, deleteAttempts, deleteEmptyRun } from './deleting.ts'
import {
  type EndedAttempt,
  type EndLease,
  type EndPage,
  type EndSelection,
  endAttempts,
  holdAttempt,
  releaseAttempt,
  renewEnds,
} from './ending.ts'
import {
  createGradingLookup,
  findFirstSample,
  findScoreElsewhere,
  type GradingIdentity,
} from './gradings/grading-lookup.ts'
import { createGradingRecorder } from './gradings/gradings.ts'
import { createKnownItems } from './items.ts'
import { createReplayCounter } from './replays.ts'
import { deleteRollouts } from './retention.ts'
import { createRolloutReader } from './rollout.ts'
import { type AttemptName, findAttempt, findSigningKey, type KnownItem } from './sessions.ts'
import { execute } from './statement.ts'
import { analyzeGrown } from './statistics.ts'

/** What {@link createLedger} needs: raw SQL, drizzle on a separate client, the budget and a clock. */
export interface LedgerSettings {
  readonly sql: Sql
  readonly db: Db
  readonly budget: Budget | undefined
  /** How long after a call, and after a grading, a rollout ends, in seconds; by default an hour, and five minutes. */
  readonly idleSeconds?: number
  readonly keepSeconds?: number
  /** The tables with rows of rollouts; by default none. */
  readonly tables?: readonly RolloutTable[] | undefined
  /** Is told of each statement that records calls how many it records. */
  readonly onBatch?: ((calls: number) => void) | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** All queries on the ledger's tables. */
export type Ledger = ReturnType<typeof createLedger>

/** Creates the ledger, the only way to its tables. */
export function createLedger(settings: LedgerSettings) {
  const { sql, db, budget, idleSeconds = 3_600, keepSeconds = 300, tables = [], onBatch, now } = settings
  const knownItems = createKnownItems(now)
  const record = createRecorder(sql, { budget, idleSeconds, onBatch }, knownItems)
  const findGrading = createGradingLookup(sql)
  return {
    /** Begins an attempt once; see {@link createBeginner}. */
    begin: createBeginner({ sql, db, knownItems, idleSeconds }),
    /** Finds where a call belongs, before it runs; see {@link createLocator}. */
    locate: createLocator(sql),
    /** Finds an attempt with its item; see {@link findAttempt}. */
    findAttempt: (name: AttemptName, known?: KnownItem) => findAttempt(sql, name, known),
    /** Returns a key that all replicas share; see {@link findSigningKey}. */
    findSigningKey: (name: string) => findSigningKey(sql, name),
    /** Records a call unless it is recorded; see {@link createRecorder}. */
    record,
    /** Runs a call in a transaction under the rollout's lock; see {@link createTransactor}. */
    transact: createTransactor({ sql, db, budget, idleSeconds, knownItems }, record),
    /** Ends a claimed call if the claim still holds; see {@link settleClaim}. */
    settle: (claim: Claim, end: ClaimEnd, change?: (stored: unknown) => unknown) =>
      settleClaim({ sql, db }, claim, end, change),
    /** Extends leases; see {@link renewClaims}. */
    renew: (run: string, tokens: readonly string[], seconds: number) => renewClaims(sql, run, tokens, seconds),
    /** Records the calls of dead owners as failed; see {@link expireClaims}. */
    expire: (seconds: number) => expireClaims(sql, seconds),
    /** Finds a score in an earlier attempt; see {@link findScoreElsewhere}. */
    findScoreElsewhere: (grading: GradingIdentity) => findScoreElsewhere(sql, grading),
    /** Finds the sample that was scored first in an attempt; see {@link findFirstSample}. */
    findFirstSample: (attempt: Parameters<typeof findFirstSample>[1]) => findFirstSample(sql, attempt),
    /** Reads an attempt for its grading; see {@link createRolloutReader}. */
    readRollout: createRolloutReader(sql),
    /** Looks up a grading; see {@link createGradingLookup}. */
    findGrading,
    /** Records a grading and resolves with the score that counts; see {@link createGradingRecorder}. */
    recordGrading: createGradingRecorder({ sql, knownItems, keepSeconds, find: findGrading }),
    /** Reads an attempt's stored state; null if it has none yet, or is not recorded yet (undefined). */
    async readState(run: string, number: number | undefined): Promise<unknown> {
      if (number === undefined) return null
      const key = [run, String(number)]
      const [row] = await execute<{ state: unknown }>(sql, { text: stateText, values: key })
      return row?.state ?? null
    },
    /** Counts the answers that came from the ledger; see {@link createReplayCounter}. */
    replays: createReplayCounter(sql),
    /** Ends attempts and leases them to the caller; see {@link endAttempts}. */
    endAttempts: (selection: EndSelection, page: Omit<EndPage, 'idleSeconds'>) =>
      endAttempts(sql, selection, { ...page, idleSeconds }),
    /** Deletes the rows that an ended attempt holds; see {@link releaseAttempt}. */
    releaseAttempt: (lease: EndLease) => releaseAttempt(sql, lease, tables),
    /** Extends leases on ended attempts; see {@link renewEnds}. */
    renewEnds: (leases: readonly EndLease[], seconds: number) => renewEnds(sql, leases, seconds),
    /** Keeps an attempt from ending while it is graded; see {@link holdAttempt}. */
    holdAttempt: (attempt: Pick<EndedAttempt, 'run' | 'number'>, seconds: number) => holdAttempt(sql, attempt, seconds),
    /** Deletes the released attempts of a run or a rollout; see {@link deleteAttempts}. */
    deleteAttempts: (selection: DeletedSelection, batch: number, onDeleted?: (attempts: number) => void) =>
      deleteAttempts(sql, selection, tables, { batch, onDeleted }),
    /** Deletes what is left of a run without rollouts; see {@link deleteEmptyRun}. */
    deleteEmptyRun: (run: string, batch: number) => deleteEmptyRun(sql, run, batch),
    /** Deletes old rollouts; see {@link deleteRollouts}. */
    deleteRollouts: (days: number, batch?: number) => deleteRollouts(sql, days, tables, batch),
    /** Keeps the statistics of tables that grow fast up to date; see {@link analyzeGrown}. */
    analyzeGrown: () => analyzeGrown(sql),
    /** Resolves if the database answers; throws what the query throws. */
    async ping(): Promise<void> {
      await sql`select 1`
    },
  }
}

const stateText = 'select state from rollouts where run = $1::text and number = $2::text::int8'
