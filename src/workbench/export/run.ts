import type { Sql } from 'postgres'
import type { ExportedRollout } from '../../ledger/reports/exported.ts'
import { readExported } from '../../ledger/reports/exported.ts'
import type { ExportCursor, ExportFilter } from '../../ledger/reports/exported-subjects.ts'
import { chatLineOf } from './chat-line.ts'
import { cursorText } from './cursor.ts'
import { traceLineOf } from './trace-line.ts'

/** What is written for each rollout. */
export type ExportFormat = 'trace' | 'chat'

/** What is exported, and where to. */
export interface ExportRun {
  readonly sql: Sql
  readonly filter: ExportFilter
  readonly format: ExportFormat
  /** The tools of items that define none themselves. */
  readonly tools: readonly unknown[]
  readonly after: ExportCursor | undefined
  /** Takes the lines of so many rollouts, each with its end; what it waits for is waited for. Gives false when nobody reads them any more. */
  readonly write: (text: string, lines: number, cursor: string, rollouts: number) => Promise<boolean>
  /** Told how many rollouts there are, and then of each page how many it had. */
  readonly onCount: (count: number) => void
  readonly onRollouts: (count: number) => void
  /** Ends the export behind the page that is being written. */
  readonly ending: AbortSignal
}

/** What an export came to. */
export interface Exported {
  readonly lines: number
  /** Rollouts that made no line, by why. */
  readonly skipped: Readonly<Record<string, number>>
  /** Where to go on; undefined where nothing was read, and there was no cursor before. */
  readonly cursor: string | undefined
  /** Rollouts from this moment on were left for another time. */
  readonly until: string
}

/** So many rollouts are held at a time. */
export const pageSize = 50

/** Exports recorded rollouts, a line of JSON each, as fast as they are taken. */
export function exportRollouts(run: ExportRun): Promise<Exported> {
  const { sql, filter, after, ending } = run
  return readExported(sql, filter, { after, size: pageSize }, async ({ count, horizon, pages }) => {
    run.onCount(count)
    const skipped: Record<string, number> = {}
    let lines = 0
    let cursor = after && cursorText(after)
    for await (const page of pages) {
      const written = page.flatMap((rollout) => {
        const line = lineOf(rollout, run)
        if (typeof line !== 'string') return [JSON.stringify(line)]
        skipped[line] = (skipped[line] ?? 0) + 1
        return []
      })
      const last = page.at(-1)
      if (last === undefined) break
      const next = cursorText(last)
      const text = written.map((line) => `${line}\n`).join('')
      const isTaken = await run.write(text, written.length, next, page.length)
      // Nobody knows how much of it was read: the cursor stays before it.
      if (!isTaken) break
      cursor = next
      lines += written.length
      run.onRollouts(page.length)
      if (ending.aborted) break
    }
    return { lines, skipped, cursor, until: horizon }
  })
}

const lineOf = (rollout: ExportedRollout, { format, tools }: ExportRun) =>
  format === 'trace' ? traceLineOf(rollout, cursorText(rollout)) : chatLineOf(rollout, tools)
