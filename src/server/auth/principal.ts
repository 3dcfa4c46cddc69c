import { AuthError } from '../../kit/auth-error.ts'
import { SCOPES, type Scope } from './scopes.ts'

/** Who calls, and what they may do. */
export interface Principal {
  /** The key's name, the token's `sub`, or `anonymous` on an open server. For logs, not for decisions. */
  readonly subject: string
  readonly scopes: ReadonlySet<Scope>
}

/** Who everybody is on a server without keys: may do everything. */
export const ANONYMOUS: Principal = { subject: 'anonymous', scopes: new Set(SCOPES) }

/**
 * Lets a caller pass who holds at least one of the scopes, or `admin`.
 *
 * @throws AuthError `insufficient_scope` (403) that names what is needed and what the caller has.
 * @example requireScope(principal, 'read', 'grade')
 */
export function requireScope(principal: Principal, ...anyOf: readonly Scope[]): void {
  const held = principal.scopes
  if (held.has('admin') || anyOf.some((scope) => held.has(scope))) return
  const needed = anyOf.length === 0 ? 'admin' : anyOf.map((scope) => `"${scope}"`).join(' or ')
  const has = held.size === 0 ? 'none of the scopes' : `only ${[...held].map((scope) => `"${scope}"`).join(', ')}`
  throw new AuthError(
    'insufficient_scope',
    `This needs the scope ${needed}; the token in use has ${has}.`,
    `Make one that has it: npm run token -- --scope ${anyOf[0] ?? 'admin'} --days 30, or give the key that scope in API_KEYS.`,
    { details: { subject: principal.subject } },
  )
}
