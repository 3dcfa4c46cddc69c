import { type Reading, readLines } from '../../base/json-lines.ts'
import type { ReadItem } from '../../kit/define.ts'
import { estimateTokens } from '../../kit/scoring/conduct/output-length.ts'
import { createSpread, type Spread } from './distributions.ts'
import { createReferenceTable, type ReferenceTable } from './reference-stats.ts'
import { type Row, readRow, rowMessages, rowTool, textOfMessage } from './row.ts'
import { tokensOf } from './row-checks.ts'

/** Which files are measured, and how items are read. */
export interface StatsSettings extends Reading {
  readonly files: readonly string[]
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
}

/** A field of the rows. */
export interface FieldStats {
  /** How many rows have it with a value other than null. */
  rows: number
  /** The JSON types of its values, each with the number of rows. */
  readonly kinds: Map<string, number>
}

/** The measures of a dataset. */
export interface DatasetStats {
  rows: number
  /** Lines that do not hold a row. */
  unreadable: number
  /** Rows that are not items as the environment defines them. */
  unfit: number
  bytes: number
  readonly tokens: Spread
  readonly toolTokens: Spread
  readonly messages: Spread
  /** Estimated tokens of a message, by its role. */
  readonly lengths: Map<string, Spread>
  readonly fields: Map<string, FieldStats>
  readonly references: ReferenceTable
}

/** How many names of fields are measured separately. */
const maxNames = 200

/** Measures a dataset as its rows are read; the memory it takes does not grow with the file. */
export async function datasetStats({ files, readItem, ...reading }: StatsSettings): Promise<DatasetStats> {
  const stats: DatasetStats = {
    rows: 0,
    unreadable: 0,
    unfit: 0,
    bytes: 0,
    tokens: createSpread(),
    toolTokens: createSpread(),
    messages: createSpread(),
    lengths: new Map(),
    fields: new Map(),
    references: createReferenceTable(),
  }
  for (const file of files) {
    for await (const { text, bytes } of readLines(file, reading)) {
      const read = text === undefined ? undefined : readRow(text)
      if (read === undefined || !('row' in read)) stats.unreadable += 1
      else {
        stats.rows += 1
        stats.bytes += bytes
        measureRow(read.row, stats)
        const item = readItem(read.row)
        if (item.fits) stats.references.add(item.reference)
        else stats.unfit += 1
      }
    }
  }
  return stats
}

function measureRow(row: Row, stats: DatasetStats): void {
  for (const [name, value] of Object.entries(row)) {
    const field = kept(stats.fields, name, () => ({ rows: 0, kinds: new Map() }))
    if (value !== null) field.rows += 1
    const kind =
      value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value === 'bigint' ? 'number' : typeof value
    field.kinds.set(kind, (field.kinds.get(kind) ?? 0) + 1)
  }
  const messages = rowMessages.safeParse(row['messages']).data ?? []
  const tools = rowTool.array().safeParse(row['tools']).data
  stats.messages.add(messages.length)
  stats.tokens.add(tokensOf(messages, tools))
  stats.toolTokens.add(tokensOf([], tools))
  for (const message of messages) {
    kept(stats.lengths, message.role, createSpread).add(estimateTokens(textOfMessage(message)))
  }
}

function kept<T>(map: Map<string, T>, name: string, make: () => T): T {
  const known = map.size < maxNames || map.has(name) ? name : '(others)'
  const found = map.get(known) ?? make()
  map.set(known, found)
  return found
}
