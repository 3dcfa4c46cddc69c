import type { Sql } from 'postgres'
import { isUnavailable } from '../database.ts'
import { createBatcher } from './batch.ts'
import type { StoredCall } from './call.ts'

/** What the ledger knows before a call runs. */
export interface Lookup {
  /** The call itself, if it has been recorded. */
  readonly call: StoredCall | undefined
  /** How many calls of its rollout have been recorded. */
  readonly calls: number
}

interface Row extends Omit<StoredCall, 'rolloutId' | 'callId' | 'seq'> {
  readonly n: number
  readonly calls: number | null
  readonly seq: number | null
}

/** Gives the function that looks a call and its rollout up, those that arrive together in one statement. */
export function createLookup(sql: Sql) {
  const run = async (keys: readonly { rolloutId: string; callId: string }[]): Promise<readonly Lookup[]> => {
    const input = JSON.stringify(
      keys.map(({ rolloutId, callId }, n) => ({ n, rollout_id: rolloutId, call_id: callId })),
    )
    const rows = await sql<Row[]>`
      select i.n, r.calls, t.seq, t.tool, t.arguments, t.outcome, t.output, t.code, t.attempt, t.claim,
        coalesce(t.outcome = 'running' and t.lease_until < now(), false) as lapsed
      from jsonb_to_recordset(${input}::text::jsonb) as i(n int, rollout_id text, call_id text)
      left join lateral (select calls from rollouts where id = i.rollout_id limit 1) r on true
      left join lateral (
        select * from tool_calls where rollout_id = i.rollout_id and call_id = i.call_id limit 1
      ) t on true`
    const byNumber = new Map(rows.map((row) => [row.n, row]))
    return keys.map((key, n) => {
      const row = byNumber.get(n)
      if (row === undefined) throw new Error(`the ledger gave no answer about call ${key.callId}`)
      const { n: _, calls, seq, ...call } = row
      return { calls: calls ?? 0, call: seq === null ? undefined : { ...key, seq, ...call } }
    })
  }
  return createBatcher<{ rolloutId: string; callId: string }, Lookup>({
    run,
    maxEntries: 500,
    maxBytes: Number.POSITIVE_INFINITY,
    sizeOf: () => 0,
    isNobodysFault: isUnavailable,
  })
}
