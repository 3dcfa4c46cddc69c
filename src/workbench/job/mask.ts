/** What stands where a secret was. */
export const mask = '********'

/** A word in front of a key, which says what kind it is and may be read. */
const scheme = /^(Bearer|Basic|Token|ApiKey)\s+/i

/**
 * The same value with all that is in a `headers` object masked, wherever it stands: headers carry keys.
 *
 * @example masked({ headers: { Authorization: 'Bearer abc' } }) // { headers: { Authorization: 'Bearer ********' } }
 */
export function masked(value: unknown, isHeaders = false): unknown {
  if (isHeaders && typeof value === 'string') return `${scheme.exec(value)?.[0] ?? ''}${mask}`
  if (Array.isArray(value)) return value.map((inner) => masked(inner, isHeaders))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, masked(inner, isHeaders || name === 'headers')]),
  )
}
