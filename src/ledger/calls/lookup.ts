import type { Sql } from 'postgres'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import { execute } from '../statement.ts'
import type { StoredCall } from './call.ts'

/** What is recorded before a call runs. */
export interface Lookup {
  /** The call itself, if it is recorded. */
  readonly call: StoredCall | undefined
  /** How many calls of its rollout are recorded. */
  readonly calls: number
  /** The item of its rollout; undefined if the rollout is not recorded. */
  readonly itemHash: string | undefined
}

interface Key {
  readonly rolloutId: string
  readonly callId: string
}

interface Row extends Omit<StoredCall, 'rolloutId' | 'callId' | 'seq'> {
  readonly n: number
  readonly calls: number
  readonly item_hash: string
  readonly seq: number | null
}

// One statement writes both, so a call is recorded with its rollout or not at all.
const text = `
  select i.n, r.calls, r.item_hash, t.seq, t.tool, t.arguments, t.outcome, t.output, t.code, t.attempt, t.claim,
    coalesce(t.outcome = 'running' and t.lease_until < now(), false) as lapsed
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, c text)
  cross join lateral (select calls, item_hash from rollouts where id = i.r limit 1) r
  left join lateral (select * from tool_calls where rollout_id = i.r and call_id = i.c limit 1) t on true`

/** Creates the function that looks up a call and its rollout; concurrent lookups share one statement. */
export function createLookup(sql: Sql): (key: Key) => Promise<Lookup> {
  const run = async (keys: readonly Key[]): Promise<readonly Lookup[]> => {
    const input = JSON.stringify(keys.map(({ rolloutId, callId }, n) => ({ n, r: rolloutId, c: callId })))
    const found: Lookup[] = keys.map(() => ({ call: undefined, calls: 0, itemHash: undefined }))
    for (const row of await execute<Row>(sql, { text, values: [input] })) {
      const { n, calls, item_hash: itemHash, seq, ...call } = row
      const key = keys[n]
      if (key === undefined) throw new Error(`the ledger returned call ${n} of ${keys.length}`)
      const { rolloutId, callId } = key
      found[n] = { calls, itemHash, call: seq === null ? undefined : { rolloutId, callId, seq, ...call } }
    }
    return found
  }
  return createBatcher<Key, Lookup>({
    run,
    maxEntries: 500,
    maxBytes: Number.POSITIVE_INFINITY,
    sizeOf: () => 0,
    concernsAll: isUnavailable,
  })
}
