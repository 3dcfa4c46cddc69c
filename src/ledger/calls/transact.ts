import type { Sql } from 'postgres'
import { canonicalJson } from '../../base/json.ts'
import type { Db, Tx } from '../../kit/environment.ts'
import type { KnownItems } from '../known-items.ts'
import { connectionOf, execute, isUniqueViolation } from '../statement.ts'
import { type Budget, budgetCode, type CallIdentity, type CallRecord, type Recorded, type StoredCall } from './call.ts'
import { revival, standing } from './call-statement.ts'
import {
  insertCall,
  isOverBudget,
  keepItem,
  lockRollout,
  type Opening,
  openRollout,
  writeState,
} from './transaction-statements.ts'

/** What a tool with database effects is given inside the transaction. */
export interface Work {
  /** Unusable once the transaction has ended, so that a tool which outlives its time can write nothing more. */
  readonly tx: Tx
  /** The rollout's stored state; null for none yet. */
  readonly stored: unknown
  readonly attempt: number
}

/** What it leaves behind: the output for the model and the state to be stored. */
export interface WorkDone {
  readonly output: string
  readonly state: unknown
}

/** Ends a transaction without an error of anybody's: everything is undone, and what stands in the ledger counts. */
class Superseded extends Error {
  /** What is written where nothing stands there after all. */
  readonly otherwise: 'refused' | 'failed'
  constructor(otherwise: 'refused' | 'failed') {
    super('another record of the call counts')
    this.otherwise = otherwise
  }
}

/**
 * Gives the function that runs a call in a transaction under its rollout's lock: what `work` writes through `tx`, the
 * state and the call's record commit together, or nothing does. A call that stands in the ledger is not run again.
 *
 * The lock is an advisory one, and the rollout's row is written last: calls of the same rollout that only read are
 * recorded meanwhile, and so take their place in the order and in the budget, which is why it is checked once more at
 * the end.
 *
 * No lock is waited for longer than `seconds`, and no statement and no idle turn may take much longer. Rejects with
 * whatever `work` rejects with, everything undone; a statement of the work's that still runs is cancelled, and `tx` is
 * taken from it.
 */
export function createTransactor(
  { sql, db, budget, knownItems }: { sql: Sql; db: Db; budget: Budget | undefined; knownItems: KnownItems },
  record: (call: CallRecord) => Promise<Recorded>,
) {
  const limit = budget?.calls ?? 2147483647

  /** Ends once all is asked that makes the call stand there, and gives what is still to be answered. */
  const inTransaction = async (
    tx: Tx,
    call: CallIdentity,
    seconds: number,
    work: (work: Work) => Promise<WorkDone>,
  ): Promise<{ readonly written: Promise<Recorded> }> => {
    const startedAt = new Date()
    const connection = connectionOf(tx)
    const turnMs = Math.ceil(seconds * 1000)
    // One round trip: the client sends both without waiting. The longer time is for a process that is frozen while it
    // holds the lock; one that lives ends its work itself.
    const [[locked], [opened]] = await Promise.all([
      execute<{ backend: number }>(connection, lockRollout(call.rolloutId, turnMs, turnMs + 10_000)),
      execute<Opening>(connection, openRollout(call)),
    ])
    if (locked === undefined || opened === undefined) throw new Error('the database answered nothing to a transaction')
    const { calls, state: stored, call: earlier } = opened
    if (earlier !== null && earlier.outcome !== 'failed') return { written: standingThere(earlier) }
    if (earlier === null && calls >= limit) throw new Superseded('refused')
    const attempt = (earlier?.attempt ?? 0) + 1
    const { output, state } = await work({ tx, stored, attempt }).catch(async (error: unknown) => {
      // A statement that the work has left running would keep the connection and the lock until it ends.
      await sql`select pg_cancel_backend(${locked.backend})`.catch(() => undefined)
      throw error
    })
    const done: CallRecord = { ...call, outcome: 'ok', output, code: null, startedAt }
    const changed = canonicalJson(state) === canonicalJson(stored) ? undefined : state
    const written = (row: { seq: number }) => ({ call: standing(done, { ...row, attempt }), replayed: false })
    if (earlier !== null) {
      const [row] = await execute<{ seq: number }>(connection, revival(done))
      if (row === undefined) throw new Superseded('failed')
      if (changed !== undefined) await execute(connection, writeState(call.rolloutId, changed))
      return { written: Promise.resolve(written(row)) }
    }
    // The commit goes out behind these without waiting for their answers: if one fails, Postgres commits nothing.
    const inserting = execute<{ seq: number }>(connection, insertCall(done, limit, changed))
    const keeping = knownItems.has(call.itemHash) ? [] : execute(connection, keepItem(call.itemHash, call.item))
    const answered = Promise.all([inserting, keeping]).then(
      ([[row]]) => {
        if (row === undefined) throw new Error(`the ledger gave no row for call ${call.callId}`)
        return written(row)
      },
      (error: unknown) => {
        // Over the budget it counts too where it is itself the last call, recorded as failed meanwhile: what is written
        // as failed is refused there only where it is past the budget.
        throw isOverBudget(error) || isUniqueViolation(error) ? new Superseded('failed') : error
      },
    )
    // It is heard by whoever waits for the commit, and only if that comes back.
    answered.catch(() => undefined)
    return { written: answered }
  }

  return async (call: CallIdentity, seconds: number, work: (work: Work) => Promise<WorkDone>): Promise<Recorded> => {
    const startedAt = new Date()
    try {
      const { written } = await db.transaction((tx) => inTransaction(tx, call, seconds, work))
      const recorded = await written
      knownItems.add([call.itemHash])
      return recorded
    } catch (error) {
      if (!(error instanceof Superseded)) throw error
      const { otherwise } = error
      if (otherwise === 'failed')
        return record({ ...call, outcome: 'failed', output: '', code: 'superseded', startedAt })
      return record({ ...call, outcome: 'refused', output: budget?.refusal ?? '', code: budgetCode, startedAt })
    }
  }
}

const standingThere = async (call: StoredCall): Promise<Recorded> => ({ call, replayed: true })
