import type { ExportCursor } from '../../ledger/reports/exported-subjects.ts'

/** A cursor as text: the timestamp, `/`, and the rollout's id, percent-encoded. */
export const cursorText = ({ at, rollout }: ExportCursor): string => `${at}/${encodeURIComponent(rollout)}`

/**
 * Reads a cursor.
 *
 * @throws Error that shows what a cursor looks like.
 */
export function parseCursor(text: string): ExportCursor {
  const [, at, id] = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)\/(\S+)$/.exec(text) ?? []
  try {
    if (at === undefined || id === undefined || Number.isNaN(Date.parse(at))) throw new Error('it has another form')
    return { at, rollout: decodeURIComponent(id) }
  } catch {
    throw new Error(
      `"${text}" is not a valid cursor: an export prints one at its end, such as 2026-11-01T12:00:00.000Z/trace_1`,
    )
  }
}
