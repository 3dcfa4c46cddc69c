import { stringifyExactly } from '../../base/exact-json.ts'
import { storableText } from '../../base/json.ts'
import { lockKey, noItemHash, type RolloutKey } from '../attempt.ts'
import { type Statement, sqlState } from '../statement.ts'
import type { CallIdentity, CallRecord, StoredCall } from './call.ts'
import { revival } from './call-statement.ts'

/** What {@link openRollout} finds under the rollout's lock: the attempt that the call names or the latest one, and its calls of this id. */
export interface Opening {
  readonly number: number
  readonly attempt: number
  readonly item_hash: string
  readonly graded: boolean
  readonly ended: boolean
  readonly calls: number
  readonly state: unknown
  /** The calls with the id, which may have been used for several. */
  readonly stored: readonly Omit<StoredCall, 'run' | 'rolloutId' | 'callId' | 'number' | 'attempt'>[] | null
}

/**
 * Takes the rollout's lock until the end of the transaction. In this transaction no lock is waited for longer than
 * `lockMs` milliseconds, and no statement and no idle time takes longer than `turnMs`. Selects the backend's process id,
 * by which a statement can be cancelled.
 */
export function lockRollout({ run, rolloutId }: RolloutKey, lockMs: number, turnMs: number): Statement {
  return { text: lock, values: [run, rolloutId, String(lockMs), String(turnMs)] }
}

const lock = `
  select pg_backend_pid() as backend, set_config('lock_timeout', $3::text, true),
    set_config('statement_timeout', $4::text, true), set_config('idle_in_transaction_session_timeout', $4::text, true),
    pg_advisory_xact_lock(${lockKey('$1::text', '$2::text')})`

/** Reads the attempt and the call, one row or none; a separate statement, so that it sees what committed while the lock was awaited. */
export function openRollout({ run, rolloutId, callId, number }: CallIdentity): Statement {
  return { text: openingText, values: [run, rolloutId, callId, number === undefined ? null : String(number)] }
}

/** The text of {@link openRollout}. `$1` is the run of every row that it visits. */
export const openingText = `
  select r.number::float8 as number, r.attempt, r.item_hash, r.graded_at is not null as graded,
    r.ended_at is not null as ended, r.calls, r.state, (
      select json_agg(json_build_object('nth', t.nth, 'seq', t.seq, 'tool', t.tool, 'arguments', t.arguments,
        'argumentsHash', t.arguments_hash, 'outcome', t.outcome, 'output', t.output, 'code', t.code,
        'execution', t.execution, 'claim', t.claim, 'lapsed', false) order by t.nth)
      from tool_calls t where t.run = $1::text and t.rollout = r.number and t.call_id = $3::text) as stored
  from rollouts r
  where r.run = $1::text and r.id = $2::text and ($4::text is null or r.number = $4::text::int8)
  order by r.attempt desc limit 1`

/** Where {@link insertCall} writes a call: into which attempt, as which use of its id, within which limits. */
export interface Insertion {
  /** Undefined for a new attempt. */
  readonly number: number | undefined
  readonly attempt: number
  readonly nth: number
  readonly limit: number
  readonly idleSeconds: number
}

/** A rollout's state before and after a call that changed it. */
export interface StateChange {
  readonly before: unknown
  readonly after: unknown
}

/**
 * Writes a new call and the rollout's state if it has changed (`undefined`: it has not), and selects the call's `seq` and
 * its attempt's number. It fails, and so ends the transaction, if the call is recorded after all (a unique violation), or if
 * other calls have used up the budget or recorded the attempt with another item in the meantime ({@link isOvertaken}): a
 * commit may be sent right behind it.
 *
 * From here on the rollout's row is locked, and all records of other replicas may wait for it. So Postgres ends the
 * transaction after five idle seconds: the rest takes milliseconds, unless this process is frozen or disconnected.
 */
export function insertCall(record: CallRecord, change: StateChange | undefined, to: Insertion): Statement {
  const { run, rolloutId, itemHash, callId, tool, arguments: args, argumentsHash, outcome, output, startedAt } = record
  const [before, after] =
    change === undefined ? [null, null] : [storableText(change.before), storableText(change.after)]
  const times = [startedAt.toISOString(), new Date().toISOString()]
  const call = [callId, tool, stringifyExactly(args ?? null), argumentsHash ?? null, outcome, output, ...times]
  const limits = [String(to.nth), String(to.limit), String(to.idleSeconds)]
  const values = [run, itemHash, before, after, ...call, ...limits]
  if (to.number !== undefined) return { text: additionText, values: [...values, String(to.number)] }
  const attempt = [rolloutId, String(to.attempt), record.wire ?? null, record.key ?? null]
  return { text: insertionText, values: [...values, ...attempt] }
}

// The division by zero is intentional: it fails if the call must not be recorded, with an SQLSTATE, which is never translated.
const admitted = `r.calls / (r.calls <= $14::text::int and $2::text in (r.item_hash, '${noItemHash}'))::int as calls`
const bound = `item_hash = case r.item_hash when '${noItemHash}' then $2::text else r.item_hash end`
const due = 'now() + make_interval(secs => $15::text::float8)'

const callInsertion = (isNewRun: string) => `
  insert into tool_calls (run, rollout, call_id, nth, seq, tool, arguments, arguments_hash, outcome, output, started_at,
    finished_at, state_before, state_after)
  select $1::text, number, $5::text, $13::text::int, calls, $6::text, $7::text::jsonb, $8::text, $9::text, $10::text,
    $11::text::timestamptz, $12::text::timestamptz, $3::text::jsonb, $4::text::jsonb
  from counted
  returning seq, rollout::float8 as number, ${isNewRun} as is_new_run,
    set_config('idle_in_transaction_session_timeout', '5000', true)`

/** The text of {@link insertCall} for a new attempt. `$1` is the run of every row that it visits. */
export const insertionText = `
  with counted as (
    insert into rollouts as r (run, id, attempt, item_hash, calls, state, due_at, wire, key_name)
    values ($1::text, $16::text, $17::text::int, $2::text, 1, $4::text::jsonb, ${due}, $18::text, $19::text)
    on conflict (run, id, attempt) do update set calls = r.calls + 1, state = coalesce(excluded.state, r.state),
      due_at = excluded.due_at, ${bound}
    returning r.number, ${admitted}
  ),
  kept_run as (
    insert into runs (name) values ($1::text) on conflict (name) do nothing returning 1
  )${callInsertion('exists (select from kept_run)')}`

/** The same for an attempt that is recorded: the rollout's lock keeps it from being deleted. */
export const additionText = `
  with counted as (
    update rollouts as r set calls = r.calls + 1, state = coalesce($4::text::jsonb, r.state), due_at = ${due}, ${bound}
    where run = $1::text and number = $16::text::int8
    returning r.number, ${admitted}
  )${callInsertion('false')}`

/**
 * Overwrites a failed call, as one more execution, and the rollout's state if it has changed (`undefined`: it has not);
 * selects the call's `seq`. It fails like {@link insertCall} if the call is no longer failed, and takes the same locks.
 */
export function reviveCall(record: CallRecord, stored: StoredCall, change: StateChange | undefined): Statement {
  const { text, values } = revival(record, stored)
  const states = change === undefined ? [null, null] : [storableText(change.before), storableText(change.after)]
  return { text: revivalText(text), values: [...values, ...states] }
}

function revivalText(revival: string): string {
  return `
  with revived as (${revival.replace('set outcome', 'set state_before = $12::text::jsonb, state_after = $13::text::jsonb, outcome')}),
  changed as (
    update rollouts set state = $13::text::jsonb
    where run = $1::text and number = $2::text::int8 and $13::text is not null
  )
  select seq, execution, set_config('idle_in_transaction_session_timeout', '5000', true),
    1 / (select count(*) from revived)::int as found
  from (select 1) one left join revived on true`
}

/** Whether an error of {@link insertCall} or {@link reviveCall} says that other calls were recorded first and this one must not be. */
export function isOvertaken(error: unknown): boolean {
  return sqlState(error) === divisionByZero
}

const divisionByZero = '22012'
