import { join } from 'node:path'
import { counted } from '../../base/text.ts'
import { minRows } from './checks.ts'
import type { NamedRow } from './findings.ts'

/** What `dataset prepare` did; written to the folder of the sets. */
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
  /** Rows that defined other tools, or the same tools differently. */
  readonly toolsReplaced: number
  readonly train: WrittenSet
  /** Null if all rows went to training. */
  readonly validation: WrittenSet | null
}

/** A file of rows that was written. */
export interface WrittenSet {
  readonly file: string
  readonly rows: number
  readonly items: number
  readonly bytes: number
  readonly sha256: string
}

/** Rows that cannot be used, so that nothing was written. */
export class BadRowsError extends Error {
  override readonly name = 'BadRowsError'
  readonly count: number
  readonly rows: readonly NamedRow[]

  constructor(count: number, rows: readonly NamedRow[]) {
    const named = rows.map(({ file, line, reason }) => `  ${file}, line ${line}: ${reason}`).join('\n')
    const more = count > rows.length ? `\n  and ${count - rows.length} more` : ''
    super(`${counted(count, 'row')} cannot be used, and nothing was written:\n${named}${more}`)
    this.count = count
    this.rows = rows
  }
}

/** Formats a manifest for a person. */
export function manifestText(manifest: Manifest, out: string): string {
  const { train, validation, tools, duplicates, skipped, toolsReplaced, seed } = manifest
  const sets = validation === null ? [train] : [train, validation]
  const lines = sets.map(
    ({ file, rows, items }) => `${join(out, file)}: ${counted(rows, 'row')} of ${counted(items, 'item')}`,
  )
  lines.push(`${join(out, 'manifest.json')}: what was done, with hashes; seed ${JSON.stringify(seed)}`)
  const replaced = toolsReplaced > 0 ? `; replaced other definitions in ${counted(toolsReplaced, 'row')}` : ''
  lines.push(`tools in each row: ${tools.join(', ') || 'none'}${replaced}`)
  const { found, dropped } = duplicates
  if (found > 0) {
    const done = dropped > 0 ? 'removed' : 'kept: --drop-duplicates removes them'
    lines.push(`${counted(found, 'duplicate row')} ${done}`)
  }
  if (skipped.count > 0) {
    lines.push(`left out ${counted(skipped.count, 'row')} that no job could use; manifest.json names the first`)
  }
  for (const { file, rows } of sets) {
    if (rows < minRows) lines.push(`warning: ${file} has fewer than ${minRows} rows, which trainers refuse`)
  }
  return lines.join('\n')
}
