import type { Sql } from 'postgres'
import { stringifyExactly } from '../../base/exact-json.ts'
import type { ExportedRollout } from '../../ledger/reports/exported.ts'
import { readExported } from '../../ledger/reports/exported.ts'
import type { ExportCursor, ExportFilter } from '../../ledger/reports/exported-subjects.ts'
import { chatLineOf } from './chat-line.ts'
import { traceLineOf } from './trace-line.ts'

/** What is written for each rollout. */
export type ExportFormat = 'trace' | 'chat'

/** What is exported, and where. */
export interface ExportRun {
  readonly sql: Sql
  readonly filter: ExportFilter
  readonly format: ExportFormat
  /** The tools of items that define none. */
  readonly tools: readonly unknown[]
  readonly after: ExportCursor | undefined
  /** Writes the lines of a page of rollouts. Resolves with false when the reader has closed the output. */
  readonly write: (text: string, lines: number, cursor: string, rollouts: number) => Promise<boolean>
  /** Called with the number of rollouts, and then with that of each page. */
  readonly onCount: (count: number) => void
  readonly onRollouts: (count: number) => void
  /** Ends the export after the page that is being written. */
  readonly ending: AbortSignal
}

/** The result of an export. */
export interface Exported {
  readonly lines: number
  /** Rollouts that made no line, by reason. */
  readonly skipped: Readonly<Record<string, number>>
  /** Where the next export resumes; undefined at the beginning. */
  readonly cursor: string | undefined
  /**
   * Whether the reader closed the output. What was written may not have been read, so `cursor` is where this export began.
   */
  readonly isCut: boolean
  /** Rollouts from this timestamp on are left for the next export. */
  readonly until: string
}

/** The number of rollouts that are held at a time. */
export const pageSize = 50

/** Exports recorded rollouts, one line of JSON each, as fast as they are written. */
export function exportRollouts(run: ExportRun): Promise<Exported> {
  const { sql, filter, after, ending } = run
  return readExported(sql, filter, { after, size: pageSize }, async ({ count, horizon, pages }) => {
    run.onCount(count)
    const skipped: Record<string, number> = {}
    let lines = 0
    const start = after && cursorText(after)
    let cursor = start
    for await (const page of pages) {
      const written = page.flatMap((rollout) => {
        const line = lineOf(rollout, run)
        if (typeof line !== 'string') return [stringifyExactly(line)]
        skipped[line] = (skipped[line] ?? 0) + 1
        return []
      })
      const last = page.at(-1)
      if (last === undefined) break
      const next = cursorText(last)
      const text = written.map((line) => `${line}\n`).join('')
      const isTaken = await run.write(text, written.length, next, page.length)
      // How much of this page and of those before was read is unknown: a pipe holds what is not.
      if (!isTaken) return { lines, skipped, cursor: start, isCut: true, until: horizon }
      cursor = next
      lines += written.length
      run.onRollouts(page.length)
      if (ending.aborted) break
    }
    return { lines, skipped, cursor, isCut: false, until: horizon }
  })
}

const lineOf = (rollout: ExportedRollout, { format, tools }: ExportRun) =>
  format === 'trace' ? traceLineOf(rollout, cursorText(rollout)) : chatLineOf(rollout, tools)

/** A cursor as text: the timestamp, the rollout's id, percent-encoded, and the attempt's number. */
export const cursorText = ({ at, rollout, number }: ExportCursor): string =>
  `${at}/${encodeURIComponent(rollout)}/${number}`

/**
 * Reads a cursor. One without a number, as earlier versions wrote them, is after all attempts of the rollout.
 *
 * @throws Error that shows what a cursor looks like.
 */
export function parseCursor(text: string): ExportCursor {
  const [, at, id, number = String(Number.MAX_SAFE_INTEGER)] =
    /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)\/([^\s/]+)(?:\/(\d{1,16}))?$/.exec(text) ?? []
  try {
    if (at === undefined || id === undefined || Number.isNaN(Date.parse(at))) throw new Error('it has another form')
    return { at, rollout: decodeURIComponent(id), number: Number(number) }
  } catch {
    throw new Error(
      `"${text}" is not a valid cursor: an export prints one at its end, such as 2026-11-01T12:00:00.000Z/trace_1/17`,
    )
  }
}
