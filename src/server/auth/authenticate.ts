import type { FetchImplementation } from 'jose'
import { AuthError } from '../../kit/errors.ts'
import type { HeaderReader } from '../../wires/http.ts'
import { createJwtVerifier, type JwtSettings } from './jwt.ts'
import { type ApiKey, createKeyFinder } from './keys.ts'
import { anonymous, type Principal } from './principal.ts'

/** Who may call: static keys, JWTs, or both. Without either the server is open. */
export interface AuthSettings {
  readonly keys: readonly ApiKey[]
  /** Lowercase names of the headers, in addition to `Authorization`, that may contain a key or token. */
  readonly keyHeaders: readonly string[]
  readonly jwt?: JwtSettings
}

/** Optional dependencies of {@link createAuthenticator}. */
export interface AuthenticatorDeps {
  readonly now?: () => Date
  /** Fetches the JWKS address. */
  readonly fetch?: FetchImplementation
  /** How many milliseconds that may take, to the last byte. */
  readonly timeoutMs?: number
  /** Called with a message if the JWKS address returns no keys. */
  readonly warn?: (message: string) => void
}

/** The most characters that a key or token may have; a longer one is refused unread. */
export const longestToken = 8192

/** Whether no key is required; such a server must listen on a loopback address only. */
export function isOpen(settings: AuthSettings): boolean {
  return settings.keys.length === 0 && settings.jwt === undefined
}

/**
 * Makes the function that identifies the caller from a request's headers: from `Authorization: Bearer TOKEN` (or the token
 * alone), or from one of the settings' `keyHeaders`. If several are set, one valid key is enough.
 * On an open server every caller may do everything.
 *
 * @throws AuthError `missing_token`, `invalid_token`, `expired_token` (401), `keys_unavailable` (503).
 */
export function createAuthenticator(
  settings: AuthSettings,
  deps: AuthenticatorDeps = {},
): (headers: HeaderReader) => Promise<Principal> {
  if (isOpen(settings)) return async () => anonymous
  const findKey = createKeyFinder(settings.keys)
  const verifyJwt = settings.jwt && createJwtVerifier(settings.jwt, { now: () => new Date(), ...deps })
  const names = ['authorization', ...settings.keyHeaders]
  const hint = `Send "Authorization: Bearer TOKEN", or the token in one of the headers ${settings.keyHeaders.join(', ')}.`

  async function identify({ header, token }: Presented): Promise<Principal> {
    const invalid = (problem: string) => new AuthError('invalid_token', problem, hint, { details: { header } })
    if (token.length > longestToken) {
      throw invalid(`The token in the header "${header}" is longer than ${longestToken} characters.`)
    }
    const owner = findKey(token)
    if (owner) return owner
    if (/\s/.test(token)) throw invalid(`The header "${header}" is not of the form "Bearer TOKEN".`)
    const isJwt = /^[\w-]+\.[\w-]*\.[\w-]*$/.test(token)
    if (isJwt && verifyJwt) return await verifyJwt(token)
    if (isJwt) throw invalid(`The header "${header}" holds a JWT, but this server takes API keys only (API_KEYS).`)
    if (settings.keys.length > 0) throw invalid(`The header "${header}" holds none of this server's API keys.`)
    throw invalid(`The header "${header}" does not hold a JWT, and this server has no API keys.`)
  }

  async function identifyAny(presented: readonly Presented[]): Promise<Principal> {
    let failure: unknown
    for (const candidate of presented) {
      try {
        return await identify(candidate)
      } catch (error) {
        // If one token cannot be checked now, an invalid other one must not turn the answer into a 401.
        const undecided = error instanceof AuthError && error.code === 'keys_unavailable'
        if (failure === undefined || undecided) failure = error
      }
    }
    throw failure ?? new AuthError('missing_token', 'The request carries no token.', hint)
  }

  return (headers) => {
    const presented = readTokens(headers, names)
    // Most requests carry a key alone, which is found at once.
    const token = presented[0]?.token ?? ''
    const owner = token.length > longestToken ? undefined : findKey(token)
    return owner === undefined ? identifyAny(presented) : Promise.resolve(owner)
  }
}

interface Presented {
  readonly header: string
  readonly token: string
}

function readTokens(headers: HeaderReader, names: readonly string[]): Presented[] {
  const presented: Presented[] = []
  for (const header of names) {
    // Headers arrive trimmed; other white space is part of the token.
    const token = headers.get(header)?.replace(/^bearer(?:[ \t]+|$)/i, '') ?? ''
    if (token !== '') presented.push({ header, token })
  }
  return presented
}

const keyParameters: ReadonlySet<string> = new Set([
  ...['key', 'apikey', 'xapikey', 'subscriptionkey', 'xfunctionskey', 'functionskey', 'code'],
  ...['token', 'accesstoken', 'authtoken', 'bearertoken', 'bearer', 'authorization', 'jwt', 'secret'],
])

/**
 * Refuses a request with a key in its URL, which proxies would log. The parameter's name decides (`key`, `api_key`,
 * `access_token`, `code`, … in any spelling), whatever its value.
 *
 * @param search a URL's query, with or without its `?`
 * @throws AuthError `invalid_token` (401) that names the parameter.
 */
export function refuseKeyInUrl(search: string): void {
  if (search === '' || search === '?') return
  for (const name of new URLSearchParams(search).keys()) {
    if (!keyParameters.has(name.toLowerCase().replaceAll(/[^a-z]/g, ''))) continue
    throw new AuthError(
      'invalid_token',
      `A key in the address (the parameter "${name.slice(0, 40)}") is refused, because addresses end up in logs.`,
      'Send it as "Authorization: Bearer TOKEN" instead, and replace it: it may have been logged already.',
    )
  }
}
