import { errors } from 'jose'
import { AuthError } from '../../kit/auth-error.ts'
import { unavailable } from './jwks.ts'

/** What to do about a JWT that is not accepted. */
export const JWT_HINT =
  'Send a valid token as "Authorization: Bearer TOKEN"; npm run token -- --scope tools,grade --days 30 makes one.'

/**
 * Says what went wrong with a JWT in words for its sender: the token's faults become `invalid_token` or `expired_token`,
 * a key that cannot be had or used becomes `keys_unavailable`. Claims and token stay out of the message.
 */
export function toAuthError(error: unknown): AuthError {
  if (error instanceof AuthError) return error
  // A key that cannot be used is the issuer's or the operator's fault, and says nothing about the token.
  const keyIsBad = error instanceof errors.JWKSInvalid || error instanceof errors.JWKInvalid
  if (!(error instanceof errors.JOSEError) || keyIsBad) return unavailable(error)
  const details = { reason: error.code }
  if (error instanceof errors.JWTExpired) {
    const { exp } = error.payload
    const at = typeof exp === 'number' && Number.isFinite(new Date(exp * 1000).getTime())
    const when = at ? ` at ${new Date(exp * 1000).toISOString()}` : ''
    return new AuthError('expired_token', `The token expired${when}.`, JWT_HINT, { details })
  }
  return new AuthError('invalid_token', problemOf(error), JWT_HINT, { details })
}

function problemOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `The token lacks the claim "${error.claim}", which this server requires.`
    if (error.claim === 'nbf') return 'The token is not valid yet ("nbf" lies ahead); compare the two clocks.'
    if (error.claim === 'iss') return 'The token\'s "iss" is not the issuer that this server expects (JWT_ISSUER).'
    if (error.claim === 'aud') return 'The token\'s "aud" is not the audience that this server expects (JWT_AUDIENCE).'
    return `The token's claim "${error.claim}" is not acceptable.`
  }
  if (error instanceof errors.JWKSNoMatchingKey) return "None of the issuer's keys is the one that the token names."
  if (error instanceof errors.JWSSignatureVerificationFailed) return "The token's signature does not fit."
  return 'The token is not a well-formed JWT.'
}
