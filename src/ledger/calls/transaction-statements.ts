import { storableText } from '../../base/json.ts'
import type { Statement } from '../statement.ts'
import type { CallIdentity, CallRecord, StoredCall } from './call.ts'

/** What {@link openRollout} finds under the rollout's lock: how many calls it has, its state, and the call itself. */
export interface Opening {
  readonly calls: number
  readonly state: unknown
  readonly call: StoredCall | null
}

/**
 * Takes the rollout's lock until the end of the transaction, of which no lock is waited for longer than `lockMs`
 * milliseconds, and none of whose statements and idle turns takes longer than `turnMs`. Gives the process to cancel.
 */
export const lockRollout = (rolloutId: string, lockMs: number, turnMs: number): Statement => ({
  text: `
    select pg_backend_pid() as backend, set_config('lock_timeout', $2::text, true),
      set_config('statement_timeout', $3::text, true), set_config('idle_in_transaction_session_timeout', $3::text, true),
      pg_advisory_xact_lock(hashtextextended($1::text, 0))`,
  values: [rolloutId, String(lockMs), String(turnMs)],
})

/** Reads what the rollout and the call are; a statement of its own, which sees what the lock has waited for. */
export const openRollout = ({ rolloutId, callId }: CallIdentity): Statement => ({
  text: `
    select coalesce(r.calls, 0) as calls, r.state, case when t.seq is not null then json_build_object(
      'rolloutId', t.rollout_id, 'callId', t.call_id, 'seq', t.seq, 'tool', t.tool, 'arguments', t.arguments,
      'outcome', t.outcome, 'output', t.output, 'code', t.code, 'attempt', t.attempt, 'claim', t.claim,
      'lapsed', false) end as call
    from (select 1) one
    left join rollouts r on r.id = $1::text
    left join tool_calls t on t.rollout_id = $1::text and t.call_id = $2::text`,
  values: [rolloutId, callId],
})

/**
 * Writes a call that is new, with the rollout's state where it has changed (`undefined`: it has not), and gives its
 * `seq`. It throws, and so ends the transaction, when the call stands there after all (a unique violation) or when other
 * calls have used the budget up meanwhile ({@link isOverBudget}): a commit may be sent right behind it.
 *
 * From here on the rollout's row is locked, for which the records of other replicas wait, all of them: so Postgres ends
 * the transaction when nothing is asked of it for five seconds. Its process is frozen or cut off then, for all that is
 * left to do takes milliseconds.
 */
export function insertCall(record: CallRecord, limit: number, state: unknown): Statement {
  const { rolloutId, callId, itemHash, tool, arguments: args, outcome, output, startedAt } = record
  const storedState = state === undefined ? null : storableText(state)
  const times = [startedAt.toISOString(), new Date().toISOString()]
  const values = [rolloutId, itemHash, storedState, callId, tool, JSON.stringify(args ?? null), outcome, output]
  return { text: insertion, values: [...values, ...times, String(limit)] }
}

const insertion = `
  with counted as (
    insert into rollouts as r (id, item_hash, calls, state) values ($1::text, $2::text, 1, $3::text::jsonb)
    on conflict (id) do update set calls = r.calls + 1, state = coalesce(excluded.state, r.state)
    returning case when r.calls > $11::text::int then ('over the budget: ' || r.calls)::int else r.calls end as calls
  )
  insert into tool_calls (rollout_id, call_id, seq, tool, arguments, outcome, output, started_at, finished_at)
  select $1::text, $4::text, calls, $5::text, $6::text::jsonb, $7::text, $8::text, $9::text::timestamptz,
    $10::text::timestamptz
  from counted
  returning seq, set_config('idle_in_transaction_session_timeout', '5000', true)`

/** Whether an error is {@link insertCall}'s word for a budget that is used up. */
export function isOverBudget(error: unknown): boolean {
  return error instanceof Error && error.message.includes('"over the budget: ')
}

/** Writes the rollout's state; the row is locked from here on, see {@link insertCall}. */
export const writeState = (rolloutId: string, state: unknown): Statement => ({
  text: `
    update rollouts set state = $2::text::jsonb where id = $1::text
    returning set_config('idle_in_transaction_session_timeout', '5000', true)`,
  values: [rolloutId, storableText(state)],
})

/** Keeps an item that may be new. */
export const keepItem = (hash: string, content: unknown): Statement => ({
  text: `
    insert into items (hash, content) values ($1::text, $2::text::jsonb)
    on conflict (hash) do update set last_used_at = now()`,
  values: [hash, JSON.stringify(content ?? null)],
})
