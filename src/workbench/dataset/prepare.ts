import { createHash, hash } from 'node:crypto'
import { join } from 'node:path'
import { canonicalJson } from '../../base/json.ts'
import { type Reading, readLines } from '../../base/json-lines.ts'
import type { ToolDefinition } from '../../kit/tool-definitions.ts'
import { createDigests } from './digests.ts'
import { createFindings, type NamedRow } from './findings.ts'
import { itemKey, type Row, readRow, rowKey } from './row.ts'
import { checkRow, mostRowBytes, type RowRules } from './row-checks.ts'
import { type WholeFile, writeWhole } from './write-whole.ts'

/** What is prepared, and how. */
export interface PrepareSettings extends Reading {
  readonly files: readonly string[]
  /** The folder for `train.jsonl`, `validation.jsonl` and `manifest.json`. */
  readonly out: string
  /** The tools that every row is to define. */
  readonly tools: readonly ToolDefinition[]
  /** The share of the items for validation, 0 up to but without 1. */
  readonly validationShare: number
  /** The same seed splits the same; an item's side depends on nothing but itself and the seed. */
  readonly seed: string
  readonly dropDuplicates: boolean
  /** Leaves rows out that cannot be used, instead of writing nothing. */
  readonly skipBad: boolean
  readonly readItem: RowRules['readItem']
  /** Told once in the manifest. */
  readonly version: string
  /** So many bad rows are named. */
  readonly mostNamed: number
}

/** What was done, as it is written beside the sets. */
export interface Manifest {
  readonly madeBy: string
  readonly seed: string
  readonly validationShare: number
  /** The rows that were used, and SHA-256 in hex of their lines, the same for plain and gzip. */
  readonly from: readonly { readonly file: string; readonly rows: number; readonly sha256: string }[]
  readonly tools: readonly string[]
  /** SHA-256 in hex of the definitions' canonical JSON. */
  readonly toolsSha256: string
  readonly items: number
  readonly duplicates: { readonly found: number; readonly dropped: number }
  /** Rows that were left out because no job could use them, and the first of them. */
  readonly skipped: { readonly count: number; readonly rows: readonly NamedRow[] }
  /** Rows that defined other tools, or the same ones otherwise. */
  readonly toolsReplaced: number
  readonly train: WrittenSet
  /** Null when all went to training. */
  readonly validation: WrittenSet | null
}

interface WrittenSet {
  readonly file: string
  readonly rows: number
  readonly items: number
  readonly bytes: number
  readonly sha256: string
}

/** Rows that cannot be used: nothing is written. */
export class BadRowsError extends Error {
  override readonly name = 'BadRowsError'
  readonly count: number
  readonly rows: readonly NamedRow[]

  constructor(count: number, rows: readonly NamedRow[]) {
    const named = rows.map(({ file, line, reason }) => `  ${file}, line ${line}: ${reason}`).join('\n')
    const more = count > rows.length ? `\n  and ${count - rows.length} more` : ''
    super(`${count === 1 ? '1 row' : `${count} rows`} cannot be used, and nothing was written:\n${named}${more}`)
    this.count = count
    this.rows = rows
  }
}

/** Checks whose rows a trainer or a grader would refuse; the definitions of the tools are written anew. */
const refused = new Set(['messages', 'references'])

/**
 * Puts the tools' definitions into every row and splits the rows into training and validation by item, whole or not at all.
 * A row's other fields stay as they were written. The files may be larger than the memory: kept are two digests of each
 * row, at most 110 bytes a row.
 *
 * @throws BadRowsError that names rows no job could use; what reading and writing throw; the reason of an aborted signal.
 */
export async function prepareDataset(settings: PrepareSettings): Promise<Manifest> {
  const { out, validationShare, tools, seed } = settings
  const names = validationShare > 0 ? ['train.jsonl', 'validation.jsonl'] : ['train.jsonl']
  // Last, so that a manifest tells of files that are there.
  const paths = [...names, 'manifest.json'].map((name) => join(out, name))
  return await writeWhole(paths, async (open) => {
    const [train, validation] = paths.slice(0, -1).map((path, at) => ({
      file: names[at] ?? '',
      written: open(path),
      items: 0,
    }))
    if (train === undefined) throw new RangeError('there is no training set to write')
    const bad = createFindings(settings.mostNamed)
    const seen = { items: createDigests(), rows: createDigests() }
    const done = { duplicates: 0, replaced: 0 }
    const from: Manifest['from'][number][] = []
    for (const file of settings.files) {
      let rows = 0
      const digest = createHash('sha256')
      for await (const line of readLines(file, settings)) {
        const read = line.text === undefined ? line : readRow(line.text)
        if (!('row' in read)) {
          bad.add(file, line.line, read.problem)
          continue
        }
        const { problems, reference } = checkRow(read.row, line.bytes, { ...settings, mostTokens: Number.MAX_VALUE })
        const problem = problems.find(({ check }) => refused.has(check)) ?? listProblem(read.row)
        if (problem) {
          bad.add(file, line.line, problem.reason)
          continue
        }
        const { text, isReplaced } = withTools(line.text ?? '', read.row, tools)
        if (Buffer.byteLength(text) > mostRowBytes) {
          bad.add(file, line.line, 'with its tools it is larger than 1 MB')
          continue
        }
        if (bad.count > 0 && !settings.skipBad) continue
        rows += 1
        digest.update(`${line.text}\n`)
        const key = itemKey(read.row)
        const isNew = seen.items.firstOf(key, rows) === undefined
        const isDuplicate = seen.rows.firstOf(rowKey(read.row, reference), rows) !== undefined
        if (isDuplicate) done.duplicates += 1
        if (isDuplicate && settings.dropDuplicates) continue
        const side = validation && drawn(seed, key) < validationShare ? validation : train
        if (isNew) side.items += 1
        if (isReplaced) done.replaced += 1
        await side.written.line(text)
      }
      from.push({ file, rows, sha256: digest.digest('hex') })
    }
    if (bad.count > 0 && !settings.skipBad) throw new BadRowsError(bad.count, bad.rows)
    const manifest: Manifest = {
      madeBy: `scorekeeper ${settings.version}, dataset prepare`,
      ...{ seed, validationShare, from },
      tools: tools.map((tool) => tool.function.name),
      toolsSha256: hash('sha256', canonicalJson(tools)),
      items: seen.items.size,
      duplicates: { found: done.duplicates, dropped: settings.dropDuplicates ? done.duplicates : 0 },
      skipped: { count: bad.count, rows: bad.rows },
      toolsReplaced: done.replaced,
      train: await closed(train),
      validation: validation === undefined ? null : await closed(validation),
    }
    const last = open(paths.at(-1) ?? '')
    await last.line(JSON.stringify(manifest, null, 2))
    await last.close()
    return manifest
  })
}

async function closed({ file, written, items }: { file: string; written: WholeFile; items: number }) {
  const { lines, bytes, sha256 } = await written.close()
  return { file, rows: lines, items, bytes, sha256 }
}

/** Of the reserved names only messages cannot be mended here. */
const listProblem = ({ messages }: Row) => (Array.isArray(messages) ? undefined : { reason: 'messages is no list' })

/** A number at least 0 and less than 1 that is the item's own. */
const drawn = (seed: string, key: string) =>
  hash('sha256', JSON.stringify([seed, key]), 'buffer').readUInt32BE(0) / 2 ** 32

/** The row's text with the tools; where it has none yet, or these, the rest stays as it was written, to the byte. */
function withTools(text: string, row: Row, tools: readonly ToolDefinition[]) {
  const written = row['tools']
  if (written === undefined) {
    const open = text.trimEnd().slice(0, -1).trimEnd()
    return { text: `${open.trimStart()},"tools":${JSON.stringify(tools)}}`, isReplaced: false }
  }
  if (canonicalJson(written) === canonicalJson(tools)) return { text: text.trim(), isReplaced: false }
  return { text: JSON.stringify({ ...row, tools }), isReplaced: true }
}
