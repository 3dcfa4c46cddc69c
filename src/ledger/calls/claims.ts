import type { Sql } from 'postgres'
import { canonicalJson, storableText } from '../../base/json.ts'
import type { Db, Tx } from '../../kit/environment.ts'
import { lockKey } from '../attempt.ts'
import { connectionOf, execute, rerunOnConflict, type Statement } from '../statement.ts'
import type { StoredCall } from './call.ts'

/** A call as it was claimed: the one execution that may settle it. */
export type Claim = Pick<StoredCall, 'run' | 'rolloutId' | 'number' | 'callId' | 'nth' | 'claim'>

/** How a claimed call ended. */
export interface ClaimEnd {
  readonly outcome: 'ok' | 'refused' | 'failed'
  readonly output: string
  readonly code: string | null
  /** For `failed`: the error as JSON text, redacted. */
  readonly cause?: string | undefined
}

/**
 * Ends a claimed call if the claim still holds, and resolves with whether it did; a claim that was taken over ends
 * nothing. `change` turns the rollout's stored state (null if it has none yet) into the new one, under the rollout's lock.
 */
export async function settleClaim(
  { sql, db }: { readonly sql: Sql; readonly db: Db },
  claim: Claim,
  end: ClaimEnd,
  change?: (stored: unknown) => unknown,
): Promise<boolean> {
  // On the ledger's own connections, which tools cannot occupy. A change of state uses `db`, because it may wait for a lock.
  if (change === undefined) return (await execute(sql, settling(claim, end))).length === 1
  const settleWithState = async (tx: Tx): Promise<boolean> => {
    const connection = connectionOf(tx)
    const key = [claim.run, String(claim.number)]
    // One round trip, as in a call's transaction.
    const [, [rollout]] = await Promise.all([
      execute(connection, { text: lock, values: [claim.run, claim.rolloutId] }),
      execute<{ state: unknown }>(connection, { text: read, values: key }),
    ])
    if (rollout === undefined) return false
    const state = change(rollout.state)
    const isChanged = canonicalJson(state) !== canonicalJson(rollout.state)
    const states = isChanged ? [storableText(rollout.state), storableText(state)] : undefined
    if ((await execute(connection, settling(claim, end, states))).length === 0) return false
    if (states !== undefined) await execute(connection, { text: write, values: [...key, states[1] ?? null] })
    return true
  }
  return await rerunOnConflict(() => db.transaction(settleWithState))
}

// The rollout's row is locked before the call's, as in the statement that records calls: two orders would deadlock.
const read = 'select state from rollouts where run = $1::text and number = $2::text::int8 for no key update'
const write = 'update rollouts set state = $3::text::jsonb where run = $1::text and number = $2::text::int8'
// Postgres releases the lock after five idle seconds: then this process is frozen or disconnected.
const lock = `
  select set_config('idle_in_transaction_session_timeout', '5000', true),
    pg_advisory_xact_lock(${lockKey('$1::text', '$2::text')})`

/** `states`: the rollout's state before and after, as JSON text. */
function settling(claim: Claim, { outcome, output, code, cause }: ClaimEnd, states?: readonly string[]): Statement {
  const { run, number, callId, nth, claim: token } = claim
  const key = [run, String(number), callId, String(nth), token]
  return { text: settlingText, values: [...key, outcome, output, code, cause ?? null, ...(states ?? [null, null])] }
}

/**
 * The text of the statement that settles a claim. `$1` is the run of every row that it visits.
 *
 * It does not say `outcome = 'running'`, which a claim implies: Postgres might then scan the index of running calls, which
 * holds the entries of settled ones until a vacuum, instead of finding the call by its key.
 */
export const settlingText = `
  update tool_calls
  set outcome = $6::text, output = $7::text, code = $8::text, cause = $9::text::jsonb, claim = null, lease_until = null,
    finished_at = now(), state_before = $10::text::jsonb, state_after = $11::text::jsonb
  where run = $1::text and rollout = $2::text::int8 and call_id = $3::text and nth = $4::text::int
    and claim = $5::text
  returning 1`

/**
 * Extends the leases of these claims of a run to `seconds` from now, and resolves with the tokens of those that still hold. A claim
 * that is being settled is skipped: waiting for it would delay all the others.
 */
export async function renewClaims(
  sql: Sql,
  run: string,
  tokens: readonly string[],
  seconds: number,
): Promise<ReadonlySet<string>> {
  const values = [run, JSON.stringify(tokens), String(seconds)]
  const rows = await execute<{ claim: string }>(sql, { text: renewalText, values })
  return new Set(rows.map(({ claim }) => claim))
}

const heldText = `run = $1::text and outcome = 'running' and claim in (select jsonb_array_elements_text($2::text::jsonb))`

/** The text of the statement that renews claims. `$1` is the run of every row that it visits. */
export const renewalText = `
  with renewed as (
    update tool_calls set lease_until = now() + make_interval(secs => $3::text::float8)
    where run = $1::text and ctid = any(array(select ctid from tool_calls where ${heldText} for update skip locked))
  )
  select claim from tool_calls where ${heldText}`

/**
 * Records as failed every claimed call whose lease ran out more than `seconds` ago: its owner died and no retry has taken
 * it over. A later retry runs it again, as one more execution. Resolves with the number of calls.
 */
export async function expireClaims(sql: Sql, seconds: number): Promise<number> {
  const { count } = await rerunOnConflict(
    async () =>
      await sql`
    update tool_calls
    set outcome = 'failed', code = 'lease_expired', claim = null, lease_until = null, finished_at = now()
    where outcome = 'running' and lease_until < now() - make_interval(secs => ${seconds}::float8)`,
  )
  return count
}
