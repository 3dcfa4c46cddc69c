import type { Sql } from 'postgres'
import { isUnavailable } from '../../postgres/database.ts'
import { ItemMismatchError, type LatestAttempt, placeOf } from '../attempt.ts'
import { createRunBatcher } from '../batch.ts'
import { execute } from '../statement.ts'
import { type CallIdentity, isSameCall, type StoredCall } from './call.ts'

/** What is recorded before a call runs. */
export interface Lookup {
  /** The attempt that the call names, otherwise the latest one; undefined if the rollout is not recorded. */
  readonly latest: LatestAttempt | undefined
  /** The call itself, if that attempt has it. */
  readonly call: StoredCall | undefined
  /** How many calls of the attempt are recorded. */
  readonly calls: number
}

interface Row extends Omit<StoredCall, 'run' | 'rolloutId' | 'callId' | 'seq' | 'argumentsHash'> {
  readonly n: number
  readonly calls: number
  readonly item_hash: string
  readonly graded: boolean
  readonly ended: boolean
  readonly begun: boolean
  readonly seq: number | null
  readonly arguments_hash: string | null
}

const storedCall = `t.nth, t.seq, t.tool, t.arguments, t.arguments_hash, t.outcome, t.output, t.code, t.execution, t.claim,
    coalesce(t.outcome = 'running' and t.lease_until < now(), false) as lapsed`

// One statement writes both, so a call is recorded with its rollout or not at all. The same id may have been used for
// several calls, which are told apart here.
/** The text of the look-up. `$2` is the run of every row that it visits. */
export const lookupText = `
  select i.n, r.number::float8 as number, r.attempt, r.calls, r.item_hash, r.graded_at is not null as graded,
    r.ended_at is not null as ended, r.begun_at is not null as begun, ${storedCall}
  from jsonb_to_recordset($1::text::jsonb) as i(n int, r text, g int8, c text)
  cross join lateral (
    select * from rollouts where run = $2::text and id = i.r and (i.g is null or number = i.g) order by attempt desc limit 1
  ) r
  left join lateral (
    select * from tool_calls where run = $2::text and rollout = r.number and call_id = i.c order by nth limit 1000
  ) t on true`

/** Creates the function that looks up a call and its rollout; concurrent lookups of a run share one statement. */
export function createLookup(sql: Sql): (call: CallIdentity) => Promise<Lookup> {
  const run = async (calls: readonly CallIdentity[]): Promise<readonly Lookup[]> => {
    const input = calls.map(({ rolloutId, number, callId }, n) => ({ n, r: rolloutId, g: number, c: callId }))
    const found: Lookup[] = calls.map(() => ({ latest: undefined, call: undefined, calls: 0 }))
    const values = [JSON.stringify(input), calls[0]?.run ?? '']
    for (const row of await execute<Row>(sql, { text: lookupText, values })) {
      const asked = calls[row.n]
      if (asked === undefined) throw new Error(`the ledger returned call ${row.n} of ${calls.length}`)
      const { n, calls: count, item_hash: itemHash, graded, ended, begun, seq, ...rest } = row
      const { arguments_hash: argumentsHash, ...call } = rest
      const latest = { number: row.number, attempt: row.attempt, itemHash, graded, ended, begun }
      const { run, rolloutId, callId } = asked
      const stored = seq === null ? undefined : { run, rolloutId, callId, seq, argumentsHash, ...call }
      const isIt = stored !== undefined && isSameCall(stored, asked)
      found[n] = { latest, calls: count, call: isIt ? stored : found[n]?.call }
    }
    return found
  }
  return createRunBatcher<CallIdentity, Lookup>({
    run,
    maxEntries: 500,
    maxBytes: Number.POSITIVE_INFINITY,
    sizeOf: () => 0,
    runOf: (call) => call.run,
    concernsAll: isUnavailable,
  })
}

const elsewhere = `
  select r.number::float8 as number, r.attempt, ${storedCall}
  from rollouts r join tool_calls t on t.run = $1::text and t.rollout = r.number and t.call_id = $3::text
  where r.run = $1::text and r.id = $2::text and r.ended_at is null and r.item_hash = $4::text
  order by r.attempt desc`

/**
 * Finds a call in an earlier attempt of its rollout that had the call's item and has not ended: a late retry, which
 * arrives after the rollout was begun again with another item.
 */
export async function findElsewhere(sql: Sql, call: CallIdentity): Promise<StoredCall | undefined> {
  const { run, rolloutId, callId, itemHash } = call
  const values = [run, rolloutId, callId, itemHash]
  for (const row of await execute<Row & { seq: number }>(sql, { text: elsewhere, values })) {
    const { arguments_hash: argumentsHash, ...found } = row
    const stored: StoredCall = { run, rolloutId, callId, argumentsHash, ...found }
    if (isSameCall(stored, call)) return stored
  }
  return undefined
}

/** Where a call belongs: {@link stored} if it is recorded, otherwise in an attempt that has some calls, or in a new one. */
export interface Located {
  readonly stored: StoredCall | undefined
  /** Undefined for a new attempt. */
  readonly number: number | undefined
  /** How many calls of the attempt are recorded. */
  readonly calls: number
  /** Whether the environment's `begin` has run in the attempt. */
  readonly begun: boolean
  /** Whether the attempt has ended; only for a call that names one. */
  readonly ended: boolean
}

/** Creates the function that finds where a call belongs; throws an {@link ItemMismatchError} if that is nowhere. */
export function createLocator(sql: Sql): (call: CallIdentity) => Promise<Located> {
  const lookup = createLookup(sql)
  return async (call) => {
    const { latest, call: stored, calls } = await lookup(call)
    const isNamed = call.number !== undefined
    // A call stays in the attempt to which it was found to belong, whatever has happened to it since.
    const open = isNamed && latest !== undefined ? { ...latest, graded: false, ended: false } : latest
    const place = placeOf(open, call.itemHash, stored !== undefined)
    if (place === 'here') {
      return { stored, number: latest?.number, calls, ended: latest?.ended === true, begun: latest?.begun === true }
    }
    if (place !== 'new') {
      const earlier = isNamed ? undefined : await findElsewhere(sql, call)
      if (earlier !== undefined)
        return { stored: earlier, number: earlier.number, calls: earlier.seq, ended: false, begun: true }
      if (place === 'other item') throw new ItemMismatchError(call.rolloutId)
    }
    return { stored: undefined, number: undefined, calls: 0, ended: false, begun: false }
  }
}
