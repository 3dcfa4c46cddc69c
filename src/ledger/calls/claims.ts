import type { Sql } from 'postgres'
import type { Db, Tx } from '../../kit/environment.ts'
import { connectionOf, execute, rerunOnConflict, type Statement } from '../statement.ts'
import { writeState } from './transaction-statements.ts'

/** The one attempt at a call that may settle it. */
export interface Claim {
  readonly rolloutId: string
  readonly callId: string
  readonly token: string
}

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
  const statement = settling(claim, end)
  // On the ledger's own connections, which tools cannot occupy. A change of state uses `db`, because it may wait for a lock.
  if (change === undefined) return (await execute(sql, statement)).length === 1
  const settleWithState = async (tx: Tx): Promise<boolean> => {
    const connection = connectionOf(tx)
    // One round trip, as in a call's transaction.
    const [, [rollout]] = await Promise.all([
      execute(connection, { text: lock, values: [claim.rolloutId] }),
      execute<{ state: unknown }>(connection, { text: read, values: [claim.rolloutId] }),
    ])
    if (rollout === undefined || (await execute(connection, statement)).length === 0) return false
    await execute(connection, writeState(claim.rolloutId, change(rollout.state)))
    return true
  }
  return await rerunOnConflict(() => db.transaction(settleWithState))
}

// The rollout's row is locked before the call's, as in the statement that records calls: two orders would deadlock.
const read = 'select state from rollouts where id = $1::text for no key update'
// Postgres releases the lock after five idle seconds: then this process is frozen or disconnected.
const lock = `
  select set_config('idle_in_transaction_session_timeout', '5000', true),
    pg_advisory_xact_lock(hashtextextended($1::text, 0))`

function settling(claim: Claim, { outcome, output, code, cause }: ClaimEnd): Statement {
  return {
    text: `
    update tool_calls
    set outcome = $1::text, output = $2::text, code = $3::text, cause = $7::text::jsonb, claim = null, lease_until = null, finished_at = now()
    where rollout_id = $4::text and call_id = $5::text and outcome = 'running' and claim = $6::text
    returning 1`,
    values: [outcome, output, code, claim.rolloutId, claim.callId, claim.token, cause ?? null],
  }
}

/**
 * Extends the leases of these claims to `seconds` from now, and resolves with the tokens of those that still hold. A claim
 * that is being settled is skipped: waiting for it would delay all the others.
 */
export async function renewClaims(sql: Sql, tokens: readonly string[], seconds: number): Promise<ReadonlySet<string>> {
  const wanted = JSON.stringify(tokens)
  const rows = await rerunOnConflict(
    async () =>
      await sql<{ claim: string }[]>`
    with renewed as (
      update tool_calls set lease_until = now() + make_interval(secs => ${seconds}::float8)
      where ctid = any(array(
        select ctid from tool_calls
        where outcome = 'running' and claim in (select jsonb_array_elements_text(${wanted}::text::jsonb))
        for update skip locked))
    )
    select claim from tool_calls
    where outcome = 'running' and claim in (select jsonb_array_elements_text(${wanted}::text::jsonb))`,
  )
  return new Set(rows.map(({ claim }) => claim))
}

/**
 * Records as failed every claimed call whose lease ran out more than `seconds` ago: its owner died and no retry has taken
 * it over. A later retry runs it again, as one more attempt. Resolves with the number of calls.
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
