import { type Reading, readLines } from '../../base/json-lines.ts'
import type { ReadItem } from '../../kit/define.ts'
import { estimateTokens } from '../../kit/scoring/conduct/output-length.ts'
import { referenceValues } from './leaks.ts'
import { type Row, readRow, rowMessages, rowTool, textOfMessage } from './row.ts'
import { tokensOf } from './row-checks.ts'
import { createSpread, type Spread } from './spread.ts'
import { createTally, type Tally } from './tally.ts'

/** What is measured. */
export interface StatsSettings extends Reading {
  readonly files: readonly string[]
  readonly readItem: (item: unknown) => ReadItem<unknown, unknown>
}

/** A field of the rows. */
export interface FieldStats {
  /** In how many rows it is, and not null. */
  rows: number
  /** JSON's kinds of its values, each with the number of rows. */
  readonly kinds: Map<string, number>
}

/** A value that references have. */
export interface ReferenceStats {
  readonly values: Tally
  /** Of the values as text, in characters. */
  readonly lengths: Spread
  /** How many of them are numbers, or text that reads as one. */
  numbers: number
}

/** What a dataset is made of. */
export interface DatasetStats {
  rows: number
  /** Lines that hold no row. */
  unreadable: number
  /** Rows that are no item as the environment says. */
  unfit: number
  bytes: number
  readonly tokens: Spread
  readonly toolTokens: Spread
  readonly messages: Spread
  /** Estimated tokens of a message, by its role. */
  readonly lengths: Map<string, Spread>
  readonly fields: Map<string, FieldStats>
  readonly references: Map<string, ReferenceStats>
}

/** So many names of fields and of values in references are told apart. */
const mostNames = 200

/** Measures a dataset while its rows go by; the memory it takes does not grow with it. */
export async function datasetStats({ files, readItem, ...reading }: StatsSettings): Promise<DatasetStats> {
  const stats: DatasetStats = {
    ...{ rows: 0, unreadable: 0, unfit: 0, bytes: 0 },
    ...{ tokens: createSpread(), toolTokens: createSpread(), messages: createSpread() },
    ...{ lengths: new Map(), fields: new Map(), references: new Map() },
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
        if (item.fits) measureReference(item.reference, stats)
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
    const kind = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value
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

function measureReference(reference: unknown, stats: DatasetStats): void {
  for (const { path, value } of referenceValues(reference)) {
    // The places of a list are one.
    const known = kept(stats.references, path.replaceAll(/\[\d+\]/g, '[]'), () => ({
      ...{ values: createTally(), lengths: createSpread(), numbers: 0 },
    }))
    const text = String(value)
    known.values.add(text)
    known.lengths.add(text.length)
    if (typeof value === 'number' || (text.trim() !== '' && Number.isFinite(Number(text)))) known.numbers += 1
  }
}

function kept<T>(map: Map<string, T>, name: string, make: () => T): T {
  const known = map.size < mostNames || map.has(name) ? name : '(others)'
  const found = map.get(known) ?? make()
  map.set(known, found)
  return found
}
