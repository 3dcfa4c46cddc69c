import type { Sql } from 'postgres'
import { stringifyExactly } from '../../base/exact-json.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { createBatcher } from '../batch.ts'
import type { KnownItems } from '../known-items.ts'
import { execute, retried } from '../statement.ts'
import {
  type Budget,
  budgetCode,
  type CallRecord,
  ItemMismatchError,
  isSameCall,
  type Recorded,
  type StoredCall,
} from './call.ts'
import { callStatement, recordText, revival, standing, type WrittenRow } from './call-statement.ts'

const statementBytes = 8 * 1024 * 1024
const statementRows = 500

interface Entry {
  readonly record: CallRecord
  readonly text: string
}

type Written = Recorded | 'other item'

/**
 * Creates the function that records calls; concurrent calls share one statement: {@link callStatement} for a call that is
 * new or recorded, {@link revival} for one that failed. Throws an {@link ItemMismatchError} for a rollout that was
 * recorded with another item.
 */
export function createRecorder(sql: Sql, budget: Budget | undefined, knownItems: KnownItems) {
  const write = async (entries: readonly Entry[]): Promise<readonly Written[]> => {
    const unknown = knownItems.missing(entries.map(({ record }) => record))
    const texts = entries.map(({ text }) => text)
    const rows = await retried(() => execute<WrittenRow>(sql, callStatement(texts, unknown, budget)))
    knownItems.add(unknown.keys())
    const byNumber: WrittenRow[] = []
    for (const row of rows) byNumber[row.n] = row
    return Promise.all(entries.map(({ record }, n) => written(record, byNumber[n])))
  }
  const written = async (record: CallRecord, row: WrittenRow | undefined): Promise<Written> => {
    const { rolloutId, callId } = record
    if (row === undefined) throw new Error(`the ledger returned no row for call ${callId}`)
    switch (row.how) {
      case 'inserted':
      case 'written':
        return { call: standing(record, row), replayed: false }
      case 'refused': {
        const refused = { outcome: 'refused', output: budget?.refusal ?? '', code: budgetCode, claim: null } as const
        return { call: { ...standing(record, row), ...refused }, replayed: false }
      }
      case 'other item':
        return row.how
      case 'existing': {
        const { n: _, how: __, ...earlier } = row
        const call = { rolloutId, callId, ...earlier }
        if (!isOpen(call, record)) return { call, replayed: true }
        const [revived] = await retried(() => execute<{ seq: number; attempt: number }>(sql, revival(record)))
        return revived === undefined ? { call, replayed: true } : { call: standing(record, revived), replayed: false }
      }
    }
  }
  /** Writes the entries of each rollout's first item, then the others: a statement takes one item per rollout. */
  const run = async (entries: readonly Entry[]): Promise<readonly Written[]> => {
    const items = new Map<string, string>()
    const isFirst = ({ record: { rolloutId, itemHash } }: Entry) => {
      const first = items.get(rolloutId)
      if (first === undefined) items.set(rolloutId, itemHash)
      return first === undefined || first === itemHash
    }
    const first = entries.filter(isFirst)
    if (first.length === entries.length) return write(entries)
    const results = new Map((await write(first)).map((result, n) => [first[n], result]))
    const others = entries.filter((entry) => !results.has(entry))
    const later = await run(others)
    return entries.map((entry) => results.get(entry) ?? later[others.indexOf(entry)] ?? 'other item')
  }
  const batched = createBatcher<Entry, Written>({
    run,
    maxEntries: statementRows,
    maxBytes: statementBytes,
    sizeOf: ({ record, text }) => text.length + (knownItems.has(record.itemHash) ? 0 : sizeOf(record.item)),
    keyOf: ({ record }) => `${record.rolloutId.length} ${record.rolloutId}${record.callId}`,
    concernsAll: isUnavailable,
  })
  return async (record: CallRecord): Promise<Recorded> => {
    const text = recordText(record)
    // A failed call that another replica overwrites concurrently is returned in its old version: read it again.
    for (let turn = 1; ; turn += 1) {
      const recorded = await batched({ record, text })
      if (recorded === 'other item') throw new ItemMismatchError(record.rolloutId)
      if (!recorded.replayed || !isOpen(recorded.call, record) || turn === 5) return recorded
    }
  }
}

/** Whether this record may overwrite a recorded call, as one more attempt. */
function isOpen(call: StoredCall, record: CallRecord): boolean {
  return (call.outcome === 'failed' || (call.lapsed && record.claim !== undefined)) && isSameCall(call, record)
}

function sizeOf(item: unknown): number {
  return stringifyExactly(item ?? null).length
}
