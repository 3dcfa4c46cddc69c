import { AuthError } from '../../kit/errors.ts'

/** What a caller may do; `admin` may do everything. */
export type Scope = 'tools' | 'grade' | 'read' | 'metrics' | 'admin'

/** Every scope, in the order in which messages list them. */
export const allScopes: readonly Scope[] = ['tools', 'grade', 'read', 'metrics', 'admin']

/** The scopes of a key that names none: what a trainer needs during a run. */
export const trainerScopes: readonly Scope[] = ['tools', 'grade']

/** Whether a word is the name of a scope. */
export function isScope(word: string): word is Scope {
  return allScopes.some((scope) => scope === word)
}

/**
 * Reads a list of scopes such as `tools,grade`, `tools+grade` or `tools grade`.
 *
 * @throws Error that names the first word that is not a scope, or says that the list is empty.
 */
export function parseScopes(text: string): Scope[] {
  const words = text.split(/[\s,+]+/).filter((word) => word !== '')
  if (words.length === 0) throw new Error(`no scope given; the scopes are ${allScopes.join(', ')}`)
  const scopes = new Set<Scope>()
  for (const word of words) {
    if (!isScope(word)) throw new Error(`"${word}" is not a scope; the scopes are ${allScopes.join(', ')}`)
    scopes.add(word)
  }
  return [...scopes]
}

/** The effective scopes: the given ones, or all of them if `admin` is included. */
export function impliedScopes(scopes: Iterable<Scope>): ReadonlySet<Scope> {
  const granted = new Set(scopes)
  return granted.has('admin') ? new Set(allScopes) : granted
}

/** Who calls, and what they may do. */
export interface Principal {
  /** The key's name, the token's `sub`, or `anonymous` on an open server. For logs, not for decisions. */
  readonly subject: string
  readonly scopes: ReadonlySet<Scope>
  /** The names and patterns of the runs that it may use; undefined for all. */
  readonly runs?: readonly string[] | undefined
}

/** Every caller of a server without keys; may do everything. */
export const anonymous: Principal = { subject: 'anonymous', scopes: new Set(allScopes) }

/**
 * Checks that a caller holds at least one of the scopes, or `admin`.
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
