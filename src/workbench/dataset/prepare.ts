import { createHash, hash } from 'node:crypto'
import { join } from 'node:path'
import { stringifyExactly } from '../../base/exact-json.ts'
import { canonicalJson } from '../../base/json.ts'
import { type Reading, readLines } from '../../base/json-lines.ts'
import type { ToolDefinition } from '../../kit/define-tool.ts'
import { createDigests } from './digests.ts'
import { createFindings } from './findings.ts'
import { BadRowsError, type Manifest, type WrittenSet } from './manifest.ts'
import { itemKey, type Row, readRow, rowKey } from './row.ts'
import { type CheckedRow, checkRow, foreignTools, maxRowBytes, type RowRules } from './row-checks.ts'
import { type AtomicFile, writeAtomically } from './write-atomically.ts'

/** What is prepared, and how. */
export interface PrepareSettings extends Reading {
  readonly files: readonly string[]
  /** The folder for `train.jsonl`, `validation.jsonl` and `manifest.json`. */
  readonly out: string
  /** The tools that every row is to define. */
  readonly tools: readonly ToolDefinition[]
  /** Replaces definitions of tools that are not among the server's, instead of refusing the row. */
  readonly replaceTools: boolean
  /** The tools that the server offers, which may be more than {@link tools}. */
  readonly offered: readonly ToolDefinition[]
  /** The share of the items for validation, from 0 up to but not including 1. */
  readonly validationShare: number
  /** The same seed splits the same; the side of an item depends on the item and the seed only. */
  readonly seed: string
  readonly dropDuplicates: boolean
  /** Leaves out rows that cannot be used, instead of writing nothing. */
  readonly skipBad: boolean
  readonly readItem: RowRules['readItem']
  /** The version that the manifest states. */
  readonly version: string
  /** How many bad rows are named. */
  readonly mostNamed: number
}

/**
 * Writes the definitions of the tools into every row and splits the rows into training and validation by item; writes all
 * files or none. A row's other fields stay as they were written. The files may be larger than the memory: two digests are
 * kept for each row, at most 110 bytes a row.
 *
 * @throws BadRowsError that names rows no job could use; what reading and writing throw; the reason of an aborted signal.
 */
export async function prepareDataset(settings: PrepareSettings): Promise<Manifest> {
  const { out, validationShare, tools, seed } = settings
  const names = validationShare > 0 ? ['train.jsonl', 'validation.jsonl'] : ['train.jsonl']
  // The manifest comes last, so that it describes files that exist.
  const paths = [...names, 'manifest.json'].map((name) => join(out, name))
  return await writeAtomically(paths, async (open) => {
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
        const read = usableRow(line, settings)
        if ('problem' in read) {
          bad.add(file, line.line, read.problem)
          continue
        }
        if (bad.count > 0 && !settings.skipBad) continue
        rows += 1
        digest.update(`${line.text}\n`)
        const key = itemKey(read.row)
        const isNew = seen.items.firstOf(key, rows) === undefined
        const isDuplicate = seen.rows.firstOf(rowKey(read.row, read.reference), rows) !== undefined
        if (isDuplicate) done.duplicates += 1
        if (isDuplicate && settings.dropDuplicates) continue
        const side = validation && shareOf(seed, key) < validationShare ? validation : train
        if (isNew) side.items += 1
        if (read.isReplaced) done.replaced += 1
        await side.written.line(read.text)
      }
      from.push({ file, rows, sha256: digest.digest('hex') })
    }
    if (bad.count > 0 && !settings.skipBad) throw new BadRowsError(bad.count, bad.rows)
    const manifest: Manifest = {
      madeBy: `scorekeeper ${settings.version}, dataset prepare`,
      seed,
      validationShare,
      from,
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

async function closed({
  file,
  written,
  items,
}: {
  file: string
  written: AtomicFile
  items: number
}): Promise<WrittenSet> {
  const { lines, bytes, sha256 } = await written.close()
  return { file, rows: lines, items, bytes, sha256 }
}

/** A row with its tools, ready to be written. */
interface UsableRow {
  readonly row: Row
  readonly text: string
  readonly reference: unknown
  /** Whether it defined other tools before. */
  readonly isReplaced: boolean
}

/** Checks whose rows a trainer or a grader would refuse; the definitions of the tools are written again. */
const fatal = new Set(['messages', 'references'])

function usableRow(
  line: { readonly text?: string | undefined; readonly bytes: number; readonly problem?: string | undefined },
  settings: PrepareSettings,
): UsableRow | { readonly problem: string } {
  if (line.text === undefined) return { problem: line.problem ?? 'cannot be read' }
  const read = readRow(line.text)
  if ('problem' in read) return read
  const rules = { readItem: settings.readItem, tools: settings.tools, mostTokens: Number.MAX_VALUE }
  const checked = checkRow(read.row, line.bytes, rules)
  const problem =
    checked.problems.find(({ check }) => fatal.has(check))?.reason ?? problemOf(read.row, checked, settings)
  if (problem !== undefined) return { problem }
  const { text, isReplaced } = withTools(line.text, read.row, settings.tools)
  if (Buffer.byteLength(text) > maxRowBytes) return { problem: 'with its tools it is larger than 1 MB' }
  return { ...read, text, isReplaced, reference: checked.reference }
}

/** Of the reserved fields, only messages cannot be corrected here; tools of another server are not replaced unasked. */
function problemOf({ messages }: Row, { tools }: CheckedRow, settings: PrepareSettings): string | undefined {
  if (!Array.isArray(messages)) return 'messages is not a list'
  if (settings.replaceTools || !Array.isArray(tools)) return undefined
  const [foreign] = foreignTools(tools, [...settings.offered, ...settings.tools])
  if (foreign === undefined) return undefined
  return `it defines the tool ${foreign}, which the server does not have: name the server with --tools-from, or replace its tools with --replace-tools`
}

/** A number from 0 up to but not including 1 that depends on the item and the seed only. */
const shareOf = (seed: string, key: string) =>
  hash('sha256', JSON.stringify([seed, key]), 'buffer').readUInt32BE(0) / 2 ** 32

/** The row's text with the tools; if it defines none yet, or these, the rest stays as it was written, to the byte. */
function withTools(text: string, row: Row, tools: readonly ToolDefinition[]) {
  const written = row['tools']
  if (written === undefined) {
    const open = text.trimEnd().slice(0, -1).trimEnd()
    return { text: `${open.trimStart()},"tools":${stringifyExactly(tools)}}`, isReplaced: false }
  }
  if (canonicalJson(written) === canonicalJson(tools)) return { text: text.trim(), isReplaced: false }
  return { text: stringifyExactly({ ...row, tools }), isReplaced: true }
}
