import type { KeyObject } from 'node:crypto'
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { isRunPattern, runNameRule } from '../../base/run-name.ts'
import { storable } from '../../base/text.ts'
import { AuthError } from '../../kit/errors.ts'
import { createRemoteKeys, type RemoteKeys, type RemoteKeysDeps, unavailable } from './jwks.ts'
import { impliedScopes, isScope, type Principal, type Scope } from './principal.ts'
import { createVerifiedTokens, digestOf } from './verified-tokens.ts'

/** The algorithm of tokens signed with the shared secret; no other is accepted with it. */
export const secretAlgorithms: readonly string[] = ['HS256']

/** The algorithms of tokens signed with a key from the JWKS address: asymmetric ones only. */
export const jwksAlgorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

/** How many seconds the clocks of issuer and server may differ by. */
export const clockToleranceSeconds = 5

/** How JWTs are verified: with a secret, with the keys of an address, or with either. */
export interface JwtSettings {
  /** The shared secret, at least 32 bytes. A KeyObject because printing one shows nothing. */
  readonly secret?: KeyObject
  /** Where the issuer publishes its public keys. */
  readonly jwksUrl?: URL
  /** What `iss` must be. */
  readonly issuer?: string
  /** What `aud` must be or hold. */
  readonly audience?: string
  /** Narrows the accepted algorithms; it never allows an algorithm for another kind of key. */
  readonly algorithms?: readonly string[]
}

/**
 * Makes the function that verifies a JWT and returns its owner: signature, algorithm, `exp` (required), `nbf`, and `iss`
 * and `aud` where the settings name them. A token's `alg` chooses which key may check it, and each kind of key has its own
 * algorithms, so that a public key is never taken for a secret. A valid token is not verified again until
 * it expires or the keys of the address are fetched again.
 *
 * @throws AuthError `invalid_token` or `expired_token` (401) for the token's faults, `keys_unavailable` (503) for ours.
 */
export function createJwtVerifier(settings: JwtSettings, deps: RemoteKeysDeps): (token: string) => Promise<Principal> {
  const allowed = (kind: readonly string[]) =>
    kind.filter((algorithm) => settings.algorithms === undefined || settings.algorithms.includes(algorithm))
  const bySecret = settings.secret ? allowed(secretAlgorithms) : []
  const byJwks = settings.jwksUrl ? allowed(jwksAlgorithms) : []
  const keys = settings.jwksUrl ? createRemoteKeys(settings.jwksUrl, deps) : undefined
  const { secret, issuer, audience } = settings
  const verified = createVerifiedTokens()

  const verify = async (token: string): Promise<Verified> => {
    const header = readHeader(token)
    const options: JWTVerifyOptions = {
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
      currentDate: deps.now(),
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['exp'],
    }
    try {
      if (secret && bySecret.includes(header.alg)) {
        const { payload } = await jwtVerify(token, secret, { ...options, algorithms: bySecret })
        return { payload, fetched: undefined }
      }
      if (keys && byJwks.includes(header.alg)) {
        return await verifyByJwks(token, keys, header.kid !== undefined, { ...options, algorithms: byJwks })
      }
    } catch (error) {
      throw toAuthError(error)
    }
    const accepted = [...bySecret, ...byJwks].join(', ')
    throw new AuthError('invalid_token', `The token's algorithm is not accepted here; accepted: ${accepted}.`, jwtHint)
  }

  return async (token) => {
    const digest = digestOf(token)
    const known = verified.find(digest)
    if (known !== undefined) {
      if (known.fetched !== undefined) await keys?.ready()
      const sameKeys = known.fetched === undefined || known.fetched === keys?.fetches()
      if (sameKeys && isTimely(known, deps.now())) return known.principal
      verified.forget(digest)
    }
    const { payload, fetched } = await verify(token)
    const principal = principalOf(payload)
    const { exp = Number.NEGATIVE_INFINITY, nbf = Number.NEGATIVE_INFINITY } = payload
    verified.keep(digest, { principal, from: nbf, until: exp, fetched })
    return principal
  }
}

/** A token's claims, and the number of the fetch whose keys verified it; undefined for the secret. */
interface Verified {
  readonly payload: JWTPayload
  readonly fetched: number | undefined
}

/** The rule that jose applies to `nbf` and `exp`, which are seconds since 1970. */
function isTimely({ from, until }: { readonly from: number; readonly until: number }, now: Date): boolean {
  const seconds = Math.floor(now.getTime() / 1000)
  return from <= seconds + clockToleranceSeconds && until > seconds - clockToleranceSeconds
}

async function verifyByJwks(
  token: string,
  keys: RemoteKeys,
  hasKid: boolean,
  options: JWTVerifyOptions,
): Promise<Verified> {
  await keys.ready()
  const seen = keys.fetches()
  try {
    return { payload: await verifyByAny(token, keys, options), fetched: seen }
  } catch (error) {
    const perhapsNewerKey =
      error instanceof errors.JWKSNoMatchingKey || (error instanceof errors.JWSSignatureVerificationFailed && !hasKid)
    if (!perhapsNewerKey || !(await keys.renew(seen))) throw error
    const fetched = keys.fetches()
    return { payload: await verifyByAny(token, keys, options), fetched }
  }
}

/** A token without `kid` may match several keys, as during a rotation; each is tried. */
async function verifyByAny(token: string, keys: RemoteKeys, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys.resolve, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (mismatch) {
        if (!(mismatch instanceof errors.JWSSignatureVerificationFailed)) throw mismatch
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

function readHeader(token: string): { alg: string; kid?: string | undefined } {
  try {
    const { alg, kid } = decodeProtectedHeader(token)
    return { alg: typeof alg === 'string' ? alg : '', kid }
  } catch {
    throw new AuthError('invalid_token', 'The token looks like a JWT, but its header cannot be read.', jwtHint)
  }
}

const words = z.union([z.string().transform((text) => text.split(/\s+/)), z.array(z.unknown())]).catch([])
const claims = z.object({ sub: z.string().catch('jwt').default('jwt'), scope: words, scp: words })
const boundRuns = z
  .union([z.string().transform((text) => text.split(/[\s,]+/).filter((word) => word !== '')), z.array(z.string())])
  .refine((runs) => runs.every(isRunPattern))
  .optional()

function principalOf(payload: JWTPayload): Principal {
  const { sub, scope, scp } = claims.parse(payload)
  const granted = [...scope, ...scp].filter((word): word is Scope => typeof word === 'string' && isScope(word))
  const runs = boundRuns.safeParse(payload['runs'])
  if (!runs.success) {
    const rule = `a run is ${runNameRule}, and may end in "*"`
    throw new AuthError('invalid_token', `The token's claim "runs" is not a list of runs; ${rule}.`, jwtHint)
  }
  return {
    subject: storable(sub.slice(0, 200)),
    scopes: impliedScopes(granted),
    ...(runs.data && { runs: [...new Set(runs.data)] }),
  }
}

/** The hint for a refused JWT. */
const jwtHint =
  'Send a valid token as "Authorization: Bearer TOKEN"; npm run token -- --scope tools,grade --days 30 makes one.'

/**
 * Turns a verification error into one for the sender: faults of the token become `invalid_token` or `expired_token`, a key
 * that is unavailable or unusable becomes `keys_unavailable`. The message contains neither claims nor the token.
 */
function toAuthError(error: unknown): AuthError {
  if (error instanceof AuthError) return error
  // An unusable key is the issuer's or the operator's fault and says nothing about the token.
  const keyIsBad = error instanceof errors.JWKSInvalid || error instanceof errors.JWKInvalid
  if (!(error instanceof errors.JOSEError) || keyIsBad) return unavailable(error)
  const details = { reason: error.code }
  if (error instanceof errors.JWTExpired) {
    const { exp } = error.payload
    const at = typeof exp === 'number' && Number.isFinite(new Date(exp * 1000).getTime())
    const when = at ? ` at ${new Date(exp * 1000).toISOString()}` : ''
    return new AuthError('expired_token', `The token expired${when}.`, jwtHint, { details })
  }
  return new AuthError('invalid_token', problemOf(error), jwtHint, { details })
}

function problemOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `The token lacks the claim "${error.claim}", which this server requires.`
    if (error.claim === 'nbf') return 'The token is not valid yet ("nbf" is in the future); compare the two clocks.'
    if (error.claim === 'iss') return 'The token\'s "iss" is not the issuer that this server expects (JWT_ISSUER).'
    if (error.claim === 'aud') return 'The token\'s "aud" is not the audience that this server expects (JWT_AUDIENCE).'
    return `The token's claim "${error.claim}" is not accepted.`
  }
  if (error instanceof errors.JWKSNoMatchingKey) return 'The issuer does not publish the key that the token names.'
  if (error instanceof errors.JWSSignatureVerificationFailed) return "The token's signature is not valid."
  return 'The token is not a well-formed JWT.'
}

/** What {@link signToken} writes into a token. */
export interface TokenClaims {
  readonly subject: string
  readonly scopes: readonly Scope[]
  /** The names and patterns of the runs that its owner may use; undefined for all. */
  readonly runs?: readonly string[] | undefined
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** Signs a JWT (HS256) with the shared secret, with the issuer and audience that the same settings expect. */
export async function signToken(settings: JwtSettings & { secret: KeyObject }, token: TokenClaims): Promise<string> {
  const jwt = new SignJWT({ scope: token.scopes.join(' '), ...(token.runs && { runs: token.runs }) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(token.subject)
    .setIssuedAt(token.issuedAt)
    .setExpirationTime(token.expiresAt)
  if (settings.issuer !== undefined) jwt.setIssuer(settings.issuer)
  if (settings.audience !== undefined) jwt.setAudience(settings.audience)
  return await jwt.sign(settings.secret)
}
