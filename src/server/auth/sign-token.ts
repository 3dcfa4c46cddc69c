import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { JwtSettings } from './jwt.ts'
import type { Scope } from './scopes.ts'

/** What {@link signToken} writes into a token. */
export interface TokenClaims {
  readonly subject: string
  readonly scopes: readonly Scope[]
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** Signs a JWT (HS256) with the shared secret, with the issuer and audience that the same settings expect. */
export async function signToken(settings: JwtSettings & { secret: KeyObject }, token: TokenClaims): Promise<string> {
  const jwt = new SignJWT({ scope: token.scopes.join(' ') })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(token.subject)
    .setIssuedAt(token.issuedAt)
    .setExpirationTime(token.expiresAt)
  if (settings.issuer !== undefined) jwt.setIssuer(settings.issuer)
  if (settings.audience !== undefined) jwt.setAudience(settings.audience)
  return await jwt.sign(settings.secret)
}
