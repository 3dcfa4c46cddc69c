import type { Sql } from 'postgres'
import { canonicalJson } from '../../base/json.ts'
import type { Db, Tx } from '../../kit/environment.ts'
import { RequestError } from '../../kit/errors.ts'
import { beginningEarly } from '../../postgres/drizzle-client.ts'
import { ItemMismatchError, placeOf } from '../attempt.ts'
import { type KnownItems, keepItem, restoreItems } from '../items.ts'
import { connectionOf, execute, isSerializationFailure, isUniqueViolation } from '../statement.ts'
import {
  budgetCode,
  type CallIdentity,
  type CallRecord,
  isSameCall,
  type Recorded,
  recordOf,
  type StoredCall,
} from './call.ts'
import { type CallRules, type Position, standing } from './call-statement.ts'
import { findElsewhere } from './lookup.ts'
import {
  insertCall,
  isOvertaken,
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
  readonly execution: number
}

/** The tool's result: the output for the model, the text to record in its place (default: the output), and the state. */
export interface WorkDone {
  readonly output: string
  readonly recorded?: string
  readonly state: unknown
}

/**
 * The result of a transaction. `over budget`: nothing was run. `overtaken`: it was rolled back, because the call, or the
 * last call within the budget, was recorded concurrently. `other item`, `next item`: nothing was run, see `placeOf`.
 */
type Outcome = Recorded | 'over budget' | 'overtaken' | 'other item' | 'next item'

/** A call's row as it is written. */
interface WrittenCall {
  readonly seq: number
  /** Absent for a call that was recorded before. */
  readonly number?: number
  /** Whether the run did not exist: then the items that were stored for it may have been deleted with it. */
  readonly is_new_run?: boolean
}

/** A transaction that is sent, and whether the item was sent with it, or has to be. */
interface Sent {
  readonly outcome: Promise<Outcome> | Outcome
  readonly item?: { readonly isSent: boolean; readonly isLost: boolean }
}

/** The most times that a transaction runs again after a conflict with a concurrent one. */
const maxRepeats = 5

/** What {@link createTransactor} needs. */
export interface TransactorSettings extends CallRules {
  readonly sql: Sql
  readonly db: Db
  readonly knownItems: KnownItems
}

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
 * Throws an {@link ItemMismatchError} for an attempt that was recorded with another item and is not graded.
 */
export function createTransactor(
  { sql, db, budget, idleSeconds, knownItems }: TransactorSettings,
  record: (call: CallRecord) => Promise<Recorded>,
) {
  const limit = budget?.calls ?? 2147483647
  const transactions = beginningEarly(db)

  /** Resolves once all statements are sent, with the outcome that is still to be confirmed by their answers. */
  const inTransaction = async (
    tx: Tx,
    { call, seconds, isNext }: Asked,
    work: (work: Work) => Promise<WorkDone>,
  ): Promise<Sent> => {
    const startedAt = new Date()
    const connection = connectionOf(tx)
    const turnMs = Math.ceil(seconds * 1000)
    // One round trip with the begin: the client sends all three without waiting. The longer time is for a process that is frozen while it
    // holds the lock; one that runs ends its work itself.
    const [[locked], [opened]] = await Promise.all([
      execute<{ backend: number }>(connection, lockRollout(call, turnMs, turnMs + 10_000)),
      execute<Opening>(connection, openRollout(call)),
    ])
    if (locked === undefined) throw new Error('the database returned no row to a transaction')
    const found = findCall(call, opened, isNext)
    if (typeof found === 'string') return { outcome: found }
    const { earlier, to, calls, stored } = found
    if (earlier !== undefined && earlier.outcome !== 'failed') return { outcome: { call: earlier, replayed: true } }
    if (earlier === undefined && calls >= limit) return { outcome: 'over budget' }
    const execution = (earlier?.execution ?? 0) + 1
    const { output, recorded, state } = await work({ tx, stored, execution }).catch(async (error: unknown) => {
      // A statement of the work that still runs would keep the connection and the lock until it ends.
      await sql`select pg_cancel_backend(${locked.backend})`.catch(() => undefined)
      throw error
    })
    const done = recordOf(call, { outcome: 'ok', output: recorded ?? output, code: null, startedAt })
    const isChanged = canonicalJson(state) !== canonicalJson(stored)
    const change = isChanged ? { before: stored, after: state } : undefined
    // The commit is sent behind these without waiting for their answers: if one fails, Postgres commits nothing.
    const written =
      earlier === undefined
        ? execute<WrittenCall>(connection, insertCall(done, change, { ...to, limit, idleSeconds }))
        : execute<WrittenCall>(connection, reviveCall(done, earlier, change))
    const isKnown = knownItems.has(call)
    const kept = isKnown ? [] : execute(connection, keepItem(call))
    const item = { isSent: !isKnown, isLost: false }
    const outcome = Promise.all([written, kept]).then(
      ([[row]]): Outcome => {
        if (row === undefined) throw new Error(`the ledger returned no row for call ${call.callId}`)
        item.isLost = isKnown && row.is_new_run === true
        const { attempt, nth } = to
        const position: Position = { number: row.number ?? to.number ?? 0, attempt, nth, seq: row.seq, execution }
        return { call: { ...standing(done, position), output }, replayed: false }
      },
      (error: unknown): Outcome => {
        if (isOvertaken(error) || isUniqueViolation(error)) return 'overtaken'
        throw error
      },
    )
    // It is awaited after the commit; if that fails, nothing awaits it.
    outcome.catch(() => undefined)
    return { outcome, item }
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

  const transact = async (asked: Asked, work: (work: Work) => Promise<WorkDone>): Promise<Recorded> => {
    const { call, seconds } = asked
    const startedAt = new Date()
    const outcome = await repeated(seconds, async () => {
      const sent = await transactions.transaction((tx) => inTransaction(tx, asked, work))
      const confirmed = await sent.outcome
      if (sent.item?.isSent) knownItems.add(call.run, [call.itemHash])
      if (sent.item?.isLost) await restoreItems(sql, knownItems, call.run, [call])
      return confirmed
    })
    if (outcome === 'over budget') {
      return record({ ...call, outcome: 'refused', output: budget?.refusal ?? '', code: budgetCode, startedAt })
    }
    // Recorded as failed even if the budget is used up: this may be the last call, concurrently recorded as failed. A
    // record past the budget is written as refused anyway.
    if (outcome === 'overtaken') {
      return record({ ...call, outcome: 'failed', output: '', code: 'superseded', startedAt })
    }
    if (outcome === 'other item' || outcome === 'next item') {
      const earlier = call.number === undefined ? await findElsewhere(sql, call) : undefined
      if (earlier !== undefined && earlier.outcome !== 'failed') return { call: earlier, replayed: true }
      if (earlier !== undefined) return transact({ ...asked, call: { ...call, number: earlier.number } }, work)
      if (outcome === 'other item' || asked.isNext) throw new ItemMismatchError(call.rolloutId)
      return transact({ ...asked, isNext: true }, work)
    }
    return outcome
  }

  return (call: CallIdentity, seconds: number, work: (work: Work) => Promise<WorkDone>): Promise<Recorded> =>
    transact({ call, seconds, isNext: false }, work)
}

/** One call to run in a transaction. `isNext`: it begins a new attempt if the latest one is graded and has another item. */
interface Asked {
  readonly call: CallIdentity
  readonly seconds: number
  readonly isNext: boolean
}

/** Finds the call among those of the attempt, and where it is written if it is not there. */
function findCall(call: CallIdentity, opened: Opening | undefined, isNext: boolean) {
  const calls = (opened?.stored ?? []).map((each): StoredCall => {
    const { run, rolloutId, callId } = call
    return { run, rolloutId, callId, number: opened?.number ?? 0, attempt: opened?.attempt ?? 0, ...each }
  })
  const earlier = calls.find((each) => isSameCall(each, call))
  const named = call.number !== undefined
  const latest = opened && {
    number: opened.number,
    attempt: opened.attempt,
    itemHash: opened.item_hash,
    graded: opened.graded && !named,
    ended: opened.ended && !named,
  }
  if (named && opened?.ended === true && earlier?.outcome !== 'ok' && earlier?.outcome !== 'refused') {
    // What it would write could outlive the attempt.
    const options = { details: { run: call.run, rollout: call.rolloutId }, retryAfterSeconds: 1 }
    throw new RequestError(503, 'rollout_ended', 'the rollout has ended meanwhile; try again', options)
  }
  const place = placeOf(latest, call.itemHash, earlier !== undefined)
  if (place === 'other item' || (place === 'next item' && !isNext)) return place
  if (place === 'here' && opened !== undefined) {
    const nth = earlier?.nth ?? (calls.at(-1)?.nth ?? 0) + 1
    return {
      earlier,
      to: { number: opened.number, attempt: opened.attempt, nth },
      calls: opened.calls,
      stored: opened.state,
    }
  }
  const to = { number: undefined, attempt: (opened?.attempt ?? 0) + 1, nth: 1 }
  return { earlier: undefined, to, calls: 0, stored: null }
}
