/** Thrown for a header that names an environment variable which is not set. */
export class MissingSecretError extends Error {
  override readonly name = 'MissingSecretError'
}

/**
 * The headers with `${NAME}` replaced by environment variables, so that a command line holds no secrets. Without headers:
 * `Authorization` with the key of SCOREKEEPER_KEY, or nothing if that is not set.
 *
 * @throws MissingSecretError that names the header and the variable.
 */
export function jobHeaders(
  written: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const key = env['SCOREKEEPER_KEY']
  if (Object.keys(written).length === 0) return key ? { Authorization: `Bearer ${key}` } : {}
  return Object.fromEntries(
    Object.entries(written).map(([name, text]) => [
      name,
      text.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => {
        const value = env[variable]
        if (!value) throw new MissingSecretError(`the header ${name} needs ${variable}, which is not set`)
        return value
      }),
    ]),
  )
}

/** The text that replaces a secret. */
const mask = '********'

/** The scheme in front of a key, which is not secret. */
const scheme = /^(Bearer|Basic|Token|ApiKey)\s+/i

/**
 * Returns the same value with the values of every `headers` object masked, at any depth: headers carry keys.
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
