import { AuthError } from '../../kit/auth-error.ts'

const KEY_PARAMETERS: ReadonlySet<string> = new Set([
  ...['key', 'apikey', 'xapikey', 'subscriptionkey', 'xfunctionskey', 'functionskey', 'code'],
  ...['token', 'accesstoken', 'authtoken', 'bearertoken', 'bearer', 'authorization', 'jwt', 'secret'],
])

/**
 * Refuses a request that carries a key in its address, where every log on the way would keep it. It goes by the
 * parameter's name (`key`, `api_key`, `access_token`, `code`, … in any spelling), whatever its value is.
 *
 * @param search a URL's query, with or without its `?`
 * @throws AuthError `invalid_token` (401) that names the parameter.
 */
export function refuseKeyInUrl(search: string): void {
  if (search === '' || search === '?') return
  for (const name of new URLSearchParams(search).keys()) {
    if (!KEY_PARAMETERS.has(name.toLowerCase().replaceAll(/[^a-z]/g, ''))) continue
    throw new AuthError(
      'invalid_token',
      `A key in the address (the parameter "${name.slice(0, 40)}") is refused, because addresses end up in logs.`,
      'Send it as "Authorization: Bearer TOKEN" instead, and replace it: it may have been logged already.',
    )
  }
}
