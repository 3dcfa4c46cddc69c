import { stringifyExactly } from '../../base/exact-json.ts'
import type { ComparedRow } from '../../ledger/reports/regrading-comparison.ts'

const columns = [
  'run',
  'rollout_id',
  'attempt',
  'item_hash',
  'sample_hash',
  'before',
  'after',
  'change',
  'before_outcome',
  'before_source',
  'before_version',
  'after_outcome',
  'after_code',
  'before_parts',
  'after_parts',
  'before_reason',
  'after_reason',
] as const satisfies readonly (keyof ComparedRow)[]

/** The first line of the file. */
export const csvHead = `${columns.join(',')}\r\n`

/** A row as a line of CSV (RFC 4180). */
export function csvLine(row: ComparedRow): string {
  return `${columns.map((column) => cell(row[column])).join(',')}\r\n`
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'string' ? value : stringifyExactly(value)
  // A spreadsheet would run a cell that begins with one of these: https://owasp.org/www-community/attacks/CSV_Injection
  const tame = /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text
  return /[",\r\n\t']/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame
}
