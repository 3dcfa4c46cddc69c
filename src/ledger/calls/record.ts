import type { Sql } from 'postgres'
import { stringifyExactly } from '../../base/exact-json.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { ItemMismatchError } from '../attempt.ts'
import { createRunBatcher } from '../batch.ts'
import { type KnownItems, restoreItems } from '../items.ts'
import { execute, retried } from '../statement.ts'
import { budgetCode, type CallRecord, isSameCall, type Recorded, type StoredCall } from './call.ts'
import { type CallRules, callStatement, recordText, revival, standing, type WrittenRow } from './call-statement.ts'
import { findElsewhere } from './lookup.ts'

const statementBytes = 8 * 1024 * 1024
const statementRows = 500

interface Entry {
  readonly record: CallRecord
  readonly text: string
}

type Written = Recorded | 'other item' | 'next item'

/**
 * Creates the function that records calls; concurrent calls of a run share one statement: {@link callStatement} for a call
 * that is new or recorded, {@link revival} for one that failed. A call with another item than its attempt's is looked for in
 * earlier attempts; if none has it, it begins a new attempt after a grading, and before it throws an
 * {@link ItemMismatchError}.
 */
export function createRecorder(sql: Sql, rules: CallRules, knownItems: KnownItems) {
  const { budget, onBatch } = rules
  const write = async (entries: readonly Entry[]): Promise<readonly Written[]> => {
    onBatch?.(entries.length)
    const records = entries.map(({ record }) => record)
    const run = records[0]?.run ?? ''
    const unknown = knownItems.missing(records)
    const texts = entries.map(({ text }) => text)
    const rows = await retried(() => execute<WrittenRow>(sql, callStatement(run, texts, unknown, rules)))
    if (rows.some((row) => row.how === 'inserted' && row.is_new_run)) await restoreItems(sql, knownItems, run, records)
    else knownItems.add(run, unknown.keys())
    const byNumber: WrittenRow[] = []
    for (const row of rows) byNumber[row.n] = row
    return Promise.all(entries.map(({ record }, n) => written(record, byNumber[n])))
  }
  const written = async (record: CallRecord, row: WrittenRow | undefined): Promise<Written> => {
    if (row === undefined) throw new Error(`the ledger returned no row for call ${record.callId}`)
    switch (row.how) {
      case 'inserted':
      case 'written':
        return { call: standing(record, row), replayed: false }
      case 'refused': {
        const refused = { outcome: 'refused', output: budget?.refusal ?? '', code: budgetCode, claim: null } as const
        return { call: { ...standing(record, row), ...refused }, replayed: false }
      }
      case 'other item':
      case 'next item':
        return row.how
      case 'existing': {
        const { run, rolloutId, callId } = record
        const { n: _, how: __, arguments_hash: argumentsHash, ...earlier } = row
        return revived(record, { run, rolloutId, callId, argumentsHash, ...earlier })
      }
    }
  }
  /** A call that is recorded, or one more execution of it. */
  const revived = async (record: CallRecord, call: StoredCall): Promise<Recorded> => {
    if (!isOpen(call, record)) return { call, replayed: true }
    const [row] = await retried(() => execute<{ seq: number; execution: number }>(sql, revival(record, call)))
    return row === undefined
      ? { call, replayed: true }
      : { call: standing(record, { ...call, ...row }), replayed: false }
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
  const batched = createRunBatcher<Entry, Written>({
    run,
    maxEntries: statementRows,
    maxBytes: statementBytes,
    sizeOf: ({ record, text }) => text.length + (knownItems.has(record) ? 0 : sizeOf(record.item)),
    runOf: ({ record }) => record.run,
    keyOf: ({ record }) => `${record.rolloutId.length} ${record.rolloutId}${record.callId}`,
    concernsAll: isUnavailable,
  })
  return async (record: CallRecord): Promise<Recorded> => {
    let text = recordText(record, false)
    // A failed call that another replica overwrites concurrently is returned in its old version: read it again.
    for (let turn = 1; ; turn += 1) {
      const recorded = await batched({ record, text })
      if (recorded === 'other item' || recorded === 'next item') {
        const earlier = record.number === undefined ? await findElsewhere(sql, record) : undefined
        if (earlier !== undefined) return revived(record, earlier)
        if (recorded === 'other item' || turn > 5) throw new ItemMismatchError(record.rolloutId)
        text = recordText(record, true)
        continue
      }
      if (!recorded.replayed || !isOpen(recorded.call, record) || turn === 5) return recorded
    }
  }
}

/** Whether this record may overwrite a recorded call, as one more execution. */
function isOpen(call: StoredCall, record: CallRecord): boolean {
  return (call.outcome === 'failed' || (call.lapsed && record.claim !== undefined)) && isSameCall(call, record)
}

function sizeOf(item: unknown): number {
  return stringifyExactly(item ?? null).length
}
