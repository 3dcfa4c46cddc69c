import type { Sql } from 'postgres'
import { isUnavailable } from '../database.ts'
import { createBatcher } from './batch.ts'
import { type Budget, type CallRecord, isSameCall, type Recorded } from './call.ts'
import { callStatement, recordText, standing, type WrittenRow } from './call-statement.ts'
import type { KnownItems } from './known-items.ts'
import { retried } from './retried.ts'
import { execute } from './statement.ts'

const statementBytes = 8 * 1024 * 1024
const statementRows = 500

interface Entry {
  readonly record: CallRecord
  readonly text: string
}

/**
 * Gives the function that writes calls, those that arrive together in one statement; see {@link callStatement} for what
 * it does to a call that is new, that failed, or that stands there.
 */
export function createRecorder(sql: Sql, budget: Budget | undefined, knownItems: KnownItems) {
  const run = async (entries: readonly Entry[]): Promise<readonly Recorded[]> => {
    const unknown = knownItems.missing(entries.map(({ record }) => record))
    const texts = entries.map(({ text }) => text)
    const rows = await retried(() => execute<WrittenRow>(sql, callStatement(texts, unknown, budget)))
    knownItems.add(unknown.keys())
    const byNumber: WrittenRow[] = []
    for (const row of rows) byNumber[row.n] = row
    return entries.map(({ record }, n) => {
      const row = byNumber[n]
      if (row === undefined) throw new Error(`the ledger gave no row for call ${record.callId}`)
      return { call: standing(record, row, budget), replayed: row.how === 'existing' }
    })
  }
  const batched = createBatcher<Entry, Recorded>({
    run,
    maxEntries: statementRows,
    maxBytes: statementBytes,
    sizeOf: ({ record, text }) => text.length + (knownItems.has(record.itemHash) ? 0 : sizeOf(record.item)),
    keyOf: ({ record }) => `${record.rolloutId.length} ${record.rolloutId}${record.callId}`,
    isNobodysFault: isUnavailable,
  })
  return async (record: CallRecord): Promise<Recorded> => {
    const text = recordText(record)
    // A failed call that another replica wrote over in the same moment comes back unchanged: look again.
    for (let turn = 1; ; turn += 1) {
      const recorded = await batched({ record, text })
      const { call, replayed } = recorded
      if (!replayed || call.outcome !== 'failed' || !isSameCall(call, record) || turn === 5) return recorded
    }
  }
}

const sizeOf = (item: unknown): number => JSON.stringify(item ?? null).length
