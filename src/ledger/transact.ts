import { sql as query } from 'drizzle-orm'
import type { Sql } from 'postgres'
import type { Db, Tx } from '../environment.ts'
import { canonicalJson, storableText } from '../json.ts'
import type { Budget, CallIdentity, CallRecord, Recorded } from './call.ts'
import { callStatement, type WrittenRow } from './call-statement.ts'
import { boundIdleness } from './idleness.ts'
import type { KnownItems } from './known-items.ts'
import { executePrepared } from './prepared.ts'

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

/** Ends a transaction without an error of anybody's: everything is undone, and this is the call's record instead. */
class Superseded extends Error {
  readonly by: CallRecord | Recorded
  constructor(by: CallRecord | Recorded) {
    super('another record of the call counts')
    this.by = by
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
 * No lock is waited for longer than `seconds`, and no statement and no idle turn may take much longer. Rejects with whatever `work` rejects with,
 * everything undone; a statement of the work's that still runs is cancelled, and `tx` is taken from it.
 */
export function createTransactor(
  { sql, db, budget, knownItems }: { sql: Sql; db: Db; budget: Budget | undefined; knownItems: KnownItems },
  record: (call: CallRecord) => Promise<Recorded>,
) {
  const inTransaction = async (
    tx: Tx,
    call: CallIdentity,
    seconds: number,
    work: (work: Work) => Promise<WorkDone>,
  ) => {
    const startedAt = new Date()
    const { backend, calls, state: stored, standing } = await open(tx, call, seconds)
    if (standing !== undefined && standing.outcome !== 'failed') return { call: standing, replayed: true }
    if (standing === undefined && budget !== undefined && calls >= budget.calls) {
      throw new Superseded({ ...call, outcome: 'refused', output: budget.refusal, code: null, startedAt })
    }
    const attempt = (standing?.attempt ?? 0) + 1
    const { output, state } = await work({ tx, stored, attempt }).catch(async (error: unknown) => {
      // A statement that the work has left running would keep the connection and the lock until it ends.
      await sql`select pg_cancel_backend(${backend})`.catch(() => undefined)
      throw error
    })
    const done: CallRecord = { ...call, outcome: 'ok', output, code: null, startedAt }
    return await write(tx, done, knownItems.missing([call]), budget, sameJson(state, stored) ? undefined : state)
  }

  return async (call: CallIdentity, seconds: number, work: (work: Work) => Promise<WorkDone>): Promise<Recorded> => {
    try {
      const recorded = await db.transaction((tx) => inTransaction(tx, call, seconds, work))
      knownItems.add([call.itemHash])
      return recorded
    } catch (error) {
      if (!(error instanceof Superseded)) throw error
      return 'replayed' in error.by ? error.by : record(error.by)
    }
  }
}

type Opening = { calls: number; state: unknown; call: Recorded['call'] | null }

/** Bounds what may be waited for, takes the rollout's lock, then reads the rollout and the call. */
async function open(tx: Tx, { rolloutId, callId }: CallIdentity, seconds: number) {
  const lock = `${Math.ceil(seconds * 1000)}`
  // For a process that is frozen while it holds the lock; one that lives ends its work itself.
  const frozen = `${Math.ceil(seconds * 1000) + 10_000}`
  // One round trip: the client sends both without waiting, and the second statement sees what the lock waited for.
  const [[session], [found]] = await Promise.all([
    executePrepared<{ backend: number }>(
      tx,
      query`
      select pg_backend_pid() as backend, set_config('lock_timeout', ${lock}, true),
        set_config('statement_timeout', ${frozen}, true), set_config('idle_in_transaction_session_timeout', ${frozen}, true),
        pg_advisory_xact_lock(hashtextextended(${rolloutId}, 0))`,
    ),
    executePrepared<Opening>(
      tx,
      query`
      select coalesce(r.calls, 0) as calls, r.state, case when t.seq is not null then json_build_object(
        'rolloutId', t.rollout_id, 'callId', t.call_id, 'seq', t.seq, 'tool', t.tool, 'arguments', t.arguments,
        'outcome', t.outcome, 'output', t.output, 'code', t.code, 'attempt', t.attempt, 'claim', t.claim,
        'lapsed', false) end as call
      from (select 1) one
      left join rollouts r on r.id = ${rolloutId}
      left join tool_calls t on t.rollout_id = ${rolloutId} and t.call_id = ${callId}`,
    ),
  ])
  if (session === undefined || found === undefined) throw new Error('the database answered nothing to a transaction')
  return { backend: session.backend, calls: found.calls, state: found.state, standing: found.call ?? undefined }
}

async function write(
  tx: Tx,
  record: CallRecord,
  items: ReadonlyMap<string, unknown>,
  budget: Budget | undefined,
  state: unknown,
): Promise<Recorded> {
  const [[row]] = await Promise.all([
    executePrepared<WrittenRow>(tx, callStatement([record], items, budget)),
    // From here on the rollout's row is locked, for which the records of other replicas wait, all of them.
    executePrepared(tx, boundIdleness),
    state === undefined
      ? undefined
      : executePrepared(
          tx,
          query`
          update rollouts set state = ${storableText(state)}::text::jsonb where id = ${record.rolloutId}`,
        ),
  ])
  if (row === undefined) throw new Error(`the ledger gave no row for call ${record.callId}`)
  const { how, ...call } = row
  if (how === 'existing') throw new Superseded({ call, replayed: true })
  if (call.outcome === 'refused') throw new Superseded({ ...record, outcome: 'refused', output: '' })
  return { call, replayed: false }
}

const sameJson = (a: unknown, b: unknown) => canonicalJson(a) === canonicalJson(b)
