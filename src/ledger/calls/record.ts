import type { Sql } from 'postgres'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import type { KnownItems } from '../known-items.ts'
import { execute, retried } from '../statement.ts'
import { type Budget, budgetCode, type CallRecord, isSameCall, type Recorded, type StoredCall } from './call.ts'
import { callStatement, recordText, revival, standing, type WrittenRow } from './call-statement.ts'

const statementBytes = 8 * 1024 * 1024
const statementRows = 500

interface Entry {
  readonly record: CallRecord
  readonly text: string
}

/**
 * Gives the function that writes calls, those that arrive together in one statement: see {@link callStatement} for a call
 * that is new or stands there, {@link revival} for one that failed.
 */
export function createRecorder(sql: Sql, budget: Budget | undefined, knownItems: KnownItems) {
  const run = async (entries: readonly Entry[]): Promise<readonly Recorded[]> => {
    const unknown = knownItems.missing(entries.map(({ record }) => record))
    const texts = entries.map(({ text }) => text)
    const rows = await retried(() => execute<WrittenRow>(sql, callStatement(texts, unknown, budget)))
    knownItems.add(unknown.keys())
    const byNumber: WrittenRow[] = []
    for (const row of rows) byNumber[row.n] = row
    return Promise.all(entries.map(({ record }, n) => recordedBy(record, byNumber[n])))
  }
  const recordedBy = async (record: CallRecord, row: WrittenRow | undefined): Promise<Recorded> => {
    const { rolloutId, callId } = record
    if (row === undefined) throw new Error(`the ledger gave no row for call ${callId}`)
    if (row.how === 'existing') {
      const { n: _, how: __, ...earlier } = row
      const call = { rolloutId, callId, ...earlier }
      if (!isOpen(call, record)) return { call, replayed: true }
      const [revived] = await retried(() => execute<{ seq: number; attempt: number }>(sql, revival(record)))
      return revived === undefined ? { call, replayed: true } : { call: standing(record, revived), replayed: false }
    }
    if (row.how === 'inserted') return { call: standing(record, row), replayed: false }
    const refused = { outcome: 'refused', output: budget?.refusal ?? '', code: budgetCode } as const
    return { call: { ...standing(record, row), ...refused, claim: null }, replayed: false }
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
    // A failed call that another replica wrote over in the same moment comes back as it was: look again.
    for (let turn = 1; ; turn += 1) {
      const recorded = await batched({ record, text })
      if (!recorded.replayed || !isOpen(recorded.call, record) || turn === 5) return recorded
    }
  }
}

/** Whether a call that stands there may be written over by this record, as one more attempt. */
const isOpen = (call: StoredCall, record: CallRecord): boolean =>
  (call.outcome === 'failed' || (call.lapsed && record.claim !== undefined)) && isSameCall(call, record)

const sizeOf = (item: unknown): number => JSON.stringify(item ?? null).length
