/** Thrown for a header that names a variable which is not set. */
export class MissingSecretError extends Error {
  override readonly name = 'MissingSecretError'
}

/**
 * The headers with `${NAME}` replaced by the environment's variables, so that no secret is written in a command. Without
 * any header, `Authorization` with the key of SCOREKEEPER_KEY; none where that is not set.
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
