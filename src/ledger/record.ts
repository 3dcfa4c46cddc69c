import type { Sql } from 'postgres'
import { isUnavailable } from '../database.ts'
import { createBatcher } from './batch.ts'
import { type Budget, type CallRecord, isSameCall, type Recorded } from './call.ts'
import { callStatement, type WrittenRow } from './call-statement.ts'
import type { KnownItems } from './known-items.ts'
import { executeRaw } from './prepared.ts'

const statementBytes = 8 * 1024 * 1024
const statementRows = 500
const uniqueViolation = '23505'
const deadlock = '40P01'

/**
 * Gives the function that writes calls, those that arrive together in one statement; see {@link callStatement} for what
 * it does to a call that is new, that failed, or that stands there.
 */
export function createRecorder(sql: Sql, budget: Budget | undefined, knownItems: KnownItems) {
  const run = async (records: readonly CallRecord[]): Promise<readonly Recorded[]> => {
    const unknown = knownItems.missing(records)
    const statement = callStatement(records, unknown, budget)
    const rows = await retried(() => executeRaw<WrittenRow>(sql, statement))
    knownItems.add(unknown.keys())
    const byCall = new Map(rows.map((row) => [key(row), row]))
    return records.map((record) => {
      const row = byCall.get(key(record))
      if (row === undefined) throw new Error(`the ledger gave no row for call ${record.callId}`)
      const { how, ...call } = row
      return { call, replayed: how === 'existing' }
    })
  }
  const batched = createBatcher<CallRecord, Recorded>({
    run,
    maxEntries: statementRows,
    maxBytes: statementBytes,
    sizeOf: (record) => {
      const item = knownItems.missing([record]).size === 0 ? undefined : record.item
      return record.output.length + JSON.stringify([record.arguments, item]).length + 500
    },
    keyOf: key,
    isNobodysFault: isUnavailable,
  })
  return async (record: CallRecord): Promise<Recorded> => {
    // A failed call that another replica wrote over in the same moment comes back unchanged: look again.
    for (let turn = 1; ; turn += 1) {
      const recorded = await batched(record)
      const { call, replayed } = recorded
      if (!replayed || call.outcome !== 'failed' || !isSameCall(call, record) || turn === 5) return recorded
    }
  }
}

const key = (call: { readonly rolloutId: string; readonly callId: string }) =>
  JSON.stringify([call.rolloutId, call.callId])

/** Runs a whole-or-nothing statement again when a concurrent one or a lost connection came between. */
async function retried<Result>(statement: () => Promise<Result>): Promise<Result> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await statement()
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
      const passing = code === uniqueViolation || code === deadlock
      // A lost connection leaves open whether the statement took effect; run again, it finds its own rows.
      if (!(passing && turn < 10) && !(isUnavailable(error) && turn < 3)) throw error
      if (!passing) await new Promise((resolve) => setTimeout(resolve, 100 * turn))
    }
  }
}
