import type { Sql } from 'postgres'
import { canonicalJson } from '../../base/json.ts'
import type { Db, Tx } from '../../kit/environment.ts'
import type { KnownItems } from '../known-items.ts'
import { connectionOf, execute, isSerializationFailure, isUniqueViolation } from '../statement.ts'
import {
  type Budget,
  budgetCode,
  type CallIdentity,
  type CallRecord,
  ItemMismatchError,
  isOtherItem,
  isSameCall,
  type Recorded,
} from './call.ts'
import { standing } from './call-statement.ts'
import {
  insertCall,
  isOvertaken,
  keepItem,
  lockRollout,
  type Opening,
  openRollout,
  reviveCall,
} from './transaction-statements.ts'

/** What a tool with database effects gets inside the transaction. */
export interface Work {
  /** Unusable once the transaction has ended, so that a tool that exceeds its time can write nothing more. */
  readonly tx: Tx
  /** The rollout's stored state; null if it has none yet. */
  readonly stored: unknown
  readonly attempt: number
}

/** The tool's result: the output for the model and the state to store. */
export interface WorkDone {
  readonly output: string
  readonly state: unknown
}

/**
 * The result of a transaction. `over budget`: nothing was run. `overtaken`: it was rolled back, because the call, or the
 * last call within the budget, was recorded concurrently.
 */
type Outcome = Recorded | 'over budget' | 'overtaken'

/** The most times that a transaction runs again after a conflict with a concurrent one. */
const maxRepeats = 5

/**
 * Creates the function that runs a call in a transaction under its rollout's lock: the writes of `work` through `tx`, the
 * state and the call's record commit together or not at all. A recorded call is not run again; one that Postgres rolled
 * back because of a concurrent transaction (a deadlock, a serialization failure) is.
 *
 * The lock is an advisory one, and the rollout's row is written last. So calls of the same rollout without effects can be
 * recorded concurrently and count towards order and budget, which is therefore checked again at the end.
 *
 * No lock is waited for longer than `seconds`, and no statement and no idle time may take much longer. Rejects with what
 * `work` rejects with, rolled back; a statement of the work that still runs is cancelled, and `tx` stops working.
 * Throws an {@link ItemMismatchError} for a rollout that was recorded with another item.
 */
export function createTransactor(
  { sql, db, budget, knownItems }: { sql: Sql; db: Db; budget: Budget | undefined; knownItems: KnownItems },
  record: (call: CallRecord) => Promise<Recorded>,
) {
  const limit = budget?.calls ?? 2147483647

  /** Resolves once all statements are sent, with the outcome that is still to be confirmed by their answers. */
  const inTransaction = async (
    tx: Tx,
    call: CallIdentity,
    seconds: number,
    work: (work: Work) => Promise<WorkDone>,
  ): Promise<{ readonly outcome: Promise<Outcome> | Outcome }> => {
    const startedAt = new Date()
    const connection = connectionOf(tx)
    const turnMs = Math.ceil(seconds * 1000)
    // One round trip: the client sends both without waiting. The longer time is for a process that is frozen while it
    // holds the lock; one that runs ends its work itself.
    const [[locked], [opened]] = await Promise.all([
      execute<{ backend: number }>(connection, lockRollout(call.rolloutId, turnMs, turnMs + 10_000)),
      execute<Opening>(connection, openRollout(call)),
    ])
    if (locked === undefined || opened === undefined) throw new Error('the database returned no row to a transaction')
    const { calls, state: stored, item_hash: itemHash, call: earlier } = opened
    if (isOtherItem(itemHash, call.itemHash)) throw new ItemMismatchError(call.rolloutId)
    if (earlier !== null && !(earlier.outcome === 'failed' && isSameCall(earlier, call))) {
      return { outcome: { call: earlier, replayed: true } }
    }
    if (earlier === null && calls >= limit) return { outcome: 'over budget' }
    const attempt = (earlier?.attempt ?? 0) + 1
    const { output, state } = await work({ tx, stored, attempt }).catch(async (error: unknown) => {
      // A statement of the work that still runs would keep the connection and the lock until it ends.
      await sql`select pg_cancel_backend(${locked.backend})`.catch(() => undefined)
      throw error
    })
    const done: CallRecord = { ...call, outcome: 'ok', output, code: null, startedAt }
    const changed = canonicalJson(state) === canonicalJson(stored) ? undefined : state
    // The commit is sent behind these without waiting for their answers: if one fails, Postgres commits nothing.
    const written =
      earlier === null
        ? execute<{ seq: number }>(connection, insertCall(done, limit, changed))
        : execute<{ seq: number }>(connection, reviveCall(done, changed))
    const kept = knownItems.has(call.itemHash) ? [] : execute(connection, keepItem(call.itemHash, call.item))
    const outcome = Promise.all([written, kept]).then(
      ([[row]]): Outcome => {
        if (row === undefined) throw new Error(`the ledger returned no row for call ${call.callId}`)
        return { call: standing(done, { seq: row.seq, attempt }), replayed: false }
      },
      (error: unknown): Outcome => {
        if (isOvertaken(error) || isUniqueViolation(error)) return 'overtaken'
        throw error
      },
    )
    // It is awaited after the commit; if that fails, nothing awaits it.
    outcome.catch(() => undefined)
    return { outcome }
  }

  const repeated = async (seconds: number, transaction: () => Promise<Outcome>): Promise<Outcome> => {
    const end = performance.now() + seconds * 1000
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await transaction()
      } catch (error) {
        if (!isSerializationFailure(error) || repeats === maxRepeats || performance.now() > end) throw error
      }
    }
  }

  return async (call: CallIdentity, seconds: number, work: (work: Work) => Promise<WorkDone>): Promise<Recorded> => {
    const startedAt = new Date()
    const outcome = await repeated(seconds, async () => {
      const sent = await db.transaction((tx) => inTransaction(tx, call, seconds, work))
      return sent.outcome
    })
    if (outcome === 'over budget') {
      return record({ ...call, outcome: 'refused', output: budget?.refusal ?? '', code: budgetCode, startedAt })
    }
    // Recorded as failed even if the budget is used up: this may be the last call, concurrently recorded as failed. A
    // record past the budget is written as refused anyway.
    if (outcome === 'overtaken') {
      return record({ ...call, outcome: 'failed', output: '', code: 'superseded', startedAt })
    }
    knownItems.add([call.itemHash])
    return outcome
  }
}
