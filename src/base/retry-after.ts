/** `Retry-After` in milliseconds from `now`: seconds, or a date. Undefined for what is neither. */
export function retryAfterMs(header: string | null | undefined, now = Date.now()): number | undefined {
  if (header === null || header === undefined) return undefined
  const written = header.trim()
  const wait = /^\d{1,12}(?:\.\d+)?$/u.test(written) ? Number(written) * 1000 : Date.parse(written) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}
