import type { Document } from '../schema/document-queries.ts'

/** A page as text for a model: its path, the prose, the table with `|` between cells, the prose after it. */
export function formatDocument({ path, before, table, after }: Document): string {
  const parts = [path, before.join('\n'), table.map(formatRow).join('\n'), after.join('\n')]
  return parts.filter((part) => part !== '').join('\n\n')
}

/** One row of a table on one line, `| a | b |`. */
export function formatRow(row: readonly string[]): string {
  return `| ${row.map((cell) => cell.replace(/\s+/g, ' ').replaceAll('|', '\\|').trim()).join(' | ')} |`
}
