const seconds: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400, w: 604_800 }

/**
 * Reads a moment: a date or time of ISO 8601, UTC where it names no zone, or how long ago, in minutes, hours, days or weeks.
 *
 * @throws Error that says how to write it.
 * @example parseMoment('7d', Date.now())
 * @example parseMoment('2026-11-01', Date.now())
 */
export function parseMoment(text: string, now: number): Date {
  const ago = /^(\d{1,6})([mhdw])$/.exec(text)
  if (ago !== null) return new Date(now - Number(ago[1]) * (seconds[ago[2] ?? ''] ?? 0) * 1000)
  const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text)
  const hasTime = text.length > 10
  const moment = new Date(
    iso === null ? Number.NaN : `${text.replace(' ', 'T')}${hasTime && iso[1] === undefined ? 'Z' : ''}`,
  )
  if (Number.isNaN(moment.getTime())) {
    throw new Error(`"${text}" is no moment: write 2026-11-01, 2026-11-01T12:00Z, or 90m, 36h, 7d, 2w for how long ago`)
  }
  return moment
}
