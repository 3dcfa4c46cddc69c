import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type DatasetItem, datasetItem } from './agent.ts'

/**
 * Reads the first rows of a dataset, JSON Lines, and no more of the file than that.
 *
 * Throws an Error that names the line which is no row.
 */
export async function readItems(path: string, most: number): Promise<readonly DatasetItem[]> {
  const items: DatasetItem[] = []
  let number = 0
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (line.trim() === '') continue
    const row = datasetItem.safeParse(parsed(line))
    if (!row.success) throw new Error(`${path}, line ${number}, is no row of a dataset: ${z.prettifyError(row.error)}`)
    items.push(row.data)
    if (items.length === most) break
  }
  if (items.length === 0) throw new Error(`${path} has no rows`)
  return items
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
