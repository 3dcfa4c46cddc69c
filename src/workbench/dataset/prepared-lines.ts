import { join } from 'node:path'
import { counted } from './findings.ts'
import type { Manifest } from './prepare.ts'

/** Trainers take no fewer rows in a file. */
const leastRows = 10

/** What was prepared, for a person. */
export function preparedLines(manifest: Manifest, out: string): string {
  const { train, validation, tools, duplicates, skipped, toolsReplaced, seed } = manifest
  const sets = validation === null ? [train] : [train, validation]
  const { found, dropped } = duplicates
  const short = sets.filter(({ rows }) => rows < leastRows)
  return [
    ...sets.map(({ file, rows, items }) => `${join(out, file)}: ${counted(rows, 'row')} of ${counted(items, 'item')}`),
    `${join(out, 'manifest.json')}: what was done, with hashes; seed ${JSON.stringify(seed)}`,
    `tools in each row: ${tools.join(', ') || 'none'}${toolsReplaced > 0 ? `; ${counted(toolsReplaced, 'row')} had others` : ''}`,
    ...(found > 0
      ? [
          `${counted(found, 'row')} ${found === 1 ? 'was a duplicate' : 'were duplicates'}, ${dropped > 0 ? 'left out' : 'and kept: --drop-duplicates leaves them out'}`,
        ]
      : []),
    ...(skipped.count > 0
      ? [`${counted(skipped.count, 'row')} that no job could use left out; manifest.json names the first`]
      : []),
    ...short.map(({ file }) => `warning: ${file} has fewer than ${leastRows} rows, which trainers refuse`),
  ].join('\n')
}
