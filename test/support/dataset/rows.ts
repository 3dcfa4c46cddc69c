import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { toolDefinitions } from '../../../src/kit/define-tool.ts'
import { environment } from '../../environment/environment.ts'
import { question } from '../../environment/reports.ts'
import { tools } from '../../environment/tools/index.ts'

/** What the program passes to the commands. */
export const rules = { readItem: environment.readItem, tools: toolDefinitions(tools) }

/** A row that a trainer and the test environment's graders accept, with the given fields replaced or added. */
export const row = question

/** Rows that differ, `count` of them, from a number on. */
export const rowsFrom = (first: number, count: number, more: Readonly<Record<string, unknown>> = {}) =>
  Array.from({ length: count }, (_, n) => row(first + n, more))

/** Writes rows as JSON Lines, strings verbatim; returns the path. */
export function writeRows(folder: string, name: string, rows: readonly unknown[]): string {
  const path = join(folder, name)
  const text = rows.map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`).join('')
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
  return path
}
