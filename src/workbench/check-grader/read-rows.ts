import { readRecords } from '../../base/json-lines.ts'
import { type CheckRow, parseCheckRow } from './rows.ts'

/**
 * Reads the first rows of a file of items, JSON Lines, plain or gzip.
 *
 * @throws Error that names the line that is not an item.
 */
export function readRows(path: string, most: number): Promise<readonly CheckRow[]> {
  return readRecords(path, { most, what: 'an item', parse: parseCheckRow })
}
