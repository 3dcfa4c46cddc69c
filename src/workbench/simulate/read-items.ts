import { readRecords } from '../../base/json-lines.ts'
import { type DatasetItem, datasetItem } from './agent.ts'

/**
 * Reads the first rows of a dataset, JSON Lines, plain or gzip.
 *
 * @throws Error that names the line that is not a row.
 */
export function readItems(path: string, most: number): Promise<readonly DatasetItem[]> {
  return readRecords(path, { most, what: 'a row of a dataset', parse: datasetItem.safeParse })
}
