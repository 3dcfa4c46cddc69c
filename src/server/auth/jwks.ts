import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose'
import { AuthError } from '../../kit/errors.ts'

/** After this many milliseconds the keys are fetched again, so that a key that was withdrawn stops working. */
export const keysFreshMs = 10 * 60_000
/** For this many milliseconds the last fetched keys stay in use while their address does not answer. */
export const keysUsableMs = 24 * 60 * 60_000
/** The address is requested at most once in this many milliseconds, regardless of callers. */
export const keysCooldownMs = 5_000
/** How many milliseconds the address may take to answer, including the last byte. */
export const keysTimeoutMs = 5_000

/** What {@link createRemoteKeys} needs from outside. */
export interface RemoteKeysDeps {
  readonly now: () => Date
  readonly fetch?: FetchImplementation
  /** Default: {@link keysTimeoutMs}. */
  readonly timeoutMs?: number | undefined
  /** Called once for each failed fetch, so that an operator learns of it while the cached keys are still in use. */
  readonly warn?: (message: string) => void
}

/** The public keys behind a JWKS address. */
export interface RemoteKeys {
  /** Finds the key of a token among the cached keys; fetches only if none are cached. */
  readonly resolve: JWTVerifyGetKey
  /** Counts the successful fetches. */
  fetches(): number
  /** Resolves if a key is usable; throws AuthError `keys_unavailable` otherwise. */
  ready(): Promise<void>
  /**
   * Looks for keys newer than those of fetch number `seen`: true if there are, false if the address was asked too recently
   * to be asked again. Throws AuthError `keys_unavailable` if it does not answer, because then it cannot be known.
   */
  renew(seen: number): Promise<boolean>
}

/**
 * Caches the keys of a JWKS address, with one fetch at a time that all callers share. While the address answers, keys older
 * than {@link keysFreshMs} are renewed before use; while it does not, the cached ones are used for up to
 * {@link keysUsableMs}, and callers wait for no further attempt.
 */
export function createRemoteKeys(url: URL, deps: RemoteKeysDeps): RemoteKeys {
  // jose drops expired keys even if no new ones can be fetched, so their age is handled here instead.
  const set = createRemoteJWKSet(url, {
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: Number.POSITIVE_INFINITY,
    timeoutDuration: deps.timeoutMs ?? keysTimeoutMs,
    [customFetch]: boundedFetch(deps.fetch),
  })
  const clock = () => deps.now().getTime()
  let fetches = 0
  let fetchedAt = Number.NEGATIVE_INFINITY
  let askedAt = Number.NEGATIVE_INFINITY
  let failure: unknown
  let pending: Promise<void> | undefined

  async function ask(): Promise<void> {
    try {
      await set.reload()
      fetches += 1
      fetchedAt = clock()
      failure = undefined
    } catch (error) {
      failure = error
      const reason = error instanceof Error ? reasonOf(error) : 'unknown'
      deps.warn?.(`JWT_JWKS_URL: ${url.origin}${url.pathname} gave no keys (${reason})`)
      throw unavailable(error)
    } finally {
      askedAt = clock()
      pending = undefined
    }
  }

  const mayAsk = () => clock() - askedAt >= keysCooldownMs
  const askOnce = () => {
    pending ??= ask()
    return pending
  }

  return {
    resolve: set,
    fetches: () => fetches,
    async ready() {
      const age = clock() - fetchedAt
      if (age < keysFreshMs) return
      if (age >= keysUsableMs) {
        if (!mayAsk()) throw unavailable(failure)
        return askOnce()
      }
      if (!mayAsk()) return
      const waitFor = failure === undefined
      const attempt = askOnce().catch(() => undefined)
      if (waitFor) await attempt
    },
    async renew(seen) {
      if (fetches !== seen) return true
      if (mayAsk()) await askOnce()
      else if (failure !== undefined) throw unavailable(failure)
      return fetches !== seen
    },
  }
}

/** The 503 for a token that cannot be checked because the keys are unavailable. */
export function unavailable(cause: unknown): AuthError {
  return new AuthError(
    'keys_unavailable',
    "The token could not be checked: the server cannot get the issuer's keys (JWT_JWKS_URL) right now.",
    'Try again in a few seconds; the token may be valid.',
    { cause, retryAfterSeconds: keysCooldownMs / 1000 },
  )
}

function reasonOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/** The most bytes that an issuer's keys may have: a hundred RSA keys with their certificates stay below. */
export const largestKeysBytes = 1024 * 1024

/**
 * Makes a fetch that reads answers of at most `most` bytes, and only those with status 200, so that an issuer cannot fill the
 * memory.
 *
 * The function throws an Error that names the limit if the answer is larger, and leaves the rest unread.
 */
export function boundedFetch(fetch: FetchImplementation = globalThis.fetch, most = largestKeysBytes) {
  return async (...request: Parameters<FetchImplementation>): Promise<Response> => {
    const response = await fetch(...request)
    if (response.status !== 200) {
      await response.body?.cancel()
      return response
    }
    const chunks: Uint8Array[] = []
    let bytes = 0
    // Leaving the loop early cancels the body.
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > most) throw new Error(`the answer is larger than ${most} bytes`)
      chunks.push(chunk)
    }
    return new Response(Buffer.concat(chunks))
  }
}
