import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type CheckRow, readCheckRow } from './rows.ts'

/**
 * Reads the first rows of a file of items, JSON Lines.
 *
 * Throws an Error that names the line which is none.
 */
export async function readRows(path: string, most: number): Promise<readonly CheckRow[]> {
  const rows: CheckRow[] = []
  let number = 0
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (line.trim() === '') continue
    if (rows.length === most) break
    try {
      rows.push(readCheckRow(JSON.parse(line)))
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : 'it is no JSON'
      throw new Error(`${path}, line ${number}, is no item: ${why}`)
    }
  }
  if (rows.length === 0) throw new Error(`${path} has no items`)
  return rows
}
