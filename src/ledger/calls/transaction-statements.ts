import { stringifyExactly } from '../../base/exact-json.ts'
import { storableText } from '../../base/json.ts'
import { type Statement, sqlState } from '../statement.ts'
import { type CallIdentity, type CallRecord, noItemHash, type StoredCall } from './call.ts'
import { revival } from './call-statement.ts'

/** What {@link openRollout} finds under the rollout's lock: the number of its calls, its state, its item, and the call. */
export interface Opening {
  readonly calls: number
  readonly state: unknown
  /** Null if the rollout is not recorded. */
  readonly item_hash: string | null
  /** Null if the call is not recorded. */
  readonly call: StoredCall | null
}

/**
 * Takes the rollout's lock until the end of the transaction. In this transaction no lock is waited for longer than
 * `lockMs` milliseconds, and no statement and no idle time takes longer than `turnMs`. Selects the backend's process id,
 * by which a statement can be cancelled.
 */
export function lockRollout(rolloutId: string, lockMs: number, turnMs: number): Statement {
  return { text: lock, values: [rolloutId, String(lockMs), String(turnMs)] }
}

const lock = `
  select pg_backend_pid() as backend, set_config('lock_timeout', $2::text, true),
    set_config('statement_timeout', $3::text, true), set_config('idle_in_transaction_session_timeout', $3::text, true),
    pg_advisory_xact_lock(hashtextextended($1::text, 0))`

/** Reads the rollout and the call; a separate statement, so that it sees what committed while the lock was awaited. */
export function openRollout({ rolloutId, callId }: CallIdentity): Statement {
  return { text: opening, values: [rolloutId, callId] }
}

const opening = `
  select coalesce(r.calls, 0) as calls, r.state, r.item_hash, case when t.seq is not null then json_build_object(
    'rolloutId', t.rollout_id, 'callId', t.call_id, 'seq', t.seq, 'tool', t.tool, 'arguments', t.arguments,
    'outcome', t.outcome, 'output', t.output, 'code', t.code, 'attempt', t.attempt, 'claim', t.claim,
    'lapsed', false) end as call
  from (select 1) one
  left join rollouts r on r.id = $1::text
  left join tool_calls t on t.rollout_id = $1::text and t.call_id = $2::text`

/**
 * Writes a new call and the rollout's state if it has changed (`undefined`: it has not), and selects the call's `seq`. It
 * fails, and so ends the transaction, if the call is recorded after all (a unique violation), or if other calls have used
 * up the budget or recorded the rollout with another item in the meantime ({@link isOvertaken}): a commit may be sent right
 * behind it.
 *
 * From here on the rollout's row is locked, and all records of other replicas may wait for it. So Postgres ends the
 * transaction after five idle seconds: the rest takes milliseconds, unless this process is frozen or disconnected.
 */
export function insertCall(record: CallRecord, limit: number, state: unknown): Statement {
  const { rolloutId, callId, itemHash, tool, arguments: args, outcome, output, startedAt } = record
  const storedState = state === undefined ? null : storableText(state)
  const times = [startedAt.toISOString(), new Date().toISOString()]
  const values = [rolloutId, itemHash, storedState, callId, tool, stringifyExactly(args ?? null), outcome, output]
  return { text: insertion, values: [...values, ...times, String(limit)] }
}

// The division by zero is intentional: it fails if the call must not be recorded, with an SQLSTATE, which is never translated.
const insertion = `
  with counted as (
    insert into rollouts as r (id, item_hash, calls, state) values ($1::text, $2::text, 1, $3::text::jsonb)
    on conflict (id) do update set calls = r.calls + 1, state = coalesce(excluded.state, r.state),
      item_hash = case r.item_hash when '${noItemHash}' then excluded.item_hash else r.item_hash end
    returning r.calls / (r.calls <= $11::text::int and $2::text in (r.item_hash, '${noItemHash}'))::int as calls
  )
  insert into tool_calls (rollout_id, call_id, seq, tool, arguments, outcome, output, started_at, finished_at)
  select $1::text, $4::text, calls, $5::text, $6::text::jsonb, $7::text, $8::text, $9::text::timestamptz,
    $10::text::timestamptz
  from counted
  returning seq, set_config('idle_in_transaction_session_timeout', '5000', true)`

/**
 * Overwrites a failed call, as one more attempt, and the rollout's state if it has changed (`undefined`: it has not);
 * selects the call's `seq`. It fails like {@link insertCall} if the call is no longer failed, and takes the same locks.
 */
export function reviveCall(record: CallRecord, state: unknown): Statement {
  const { text, values } = revival(record)
  const storedState = state === undefined ? null : storableText(state)
  return { text: revivalText(text), values: [...values, storedState] }
}

function revivalText(revival: string): string {
  return `
  with revived as (${revival}),
  changed as (
    update rollouts set state = $12::text::jsonb where id = $1::text and $12::text is not null
  )
  select seq, attempt, set_config('idle_in_transaction_session_timeout', '5000', true),
    1 / (select count(*) from revived)::int as found
  from (select 1) one left join revived on true`
}

/** Whether an error of {@link insertCall} or {@link reviveCall} says that other calls were recorded first and this one must not be. */
export function isOvertaken(error: unknown): boolean {
  return sqlState(error) === divisionByZero
}

const divisionByZero = '22012'

/** Writes the rollout's state; the row is locked from here on, see {@link insertCall}. */
export function writeState(rolloutId: string, state: unknown): Statement {
  return { text: stateUpdate, values: [rolloutId, storableText(state)] }
}

const stateUpdate = `
  update rollouts set state = $2::text::jsonb where id = $1::text
  returning set_config('idle_in_transaction_session_timeout', '5000', true)`

/** Stores an item unless it is stored already. */
export function keepItem(hash: string, content: unknown): Statement {
  return { text: itemInsertion, values: [hash, stringifyExactly(content ?? null)] }
}

const itemInsertion = `
  insert into items (hash, content) values ($1::text, $2::text::jsonb)
  on conflict (hash) do update set last_used_at = now()`
