/** What a caller may do; `admin` may do everything. */
export type Scope = 'tools' | 'grade' | 'read' | 'admin'

/** Every scope, in the order in which messages list them. */
export const SCOPES: readonly Scope[] = ['tools', 'grade', 'read', 'admin']

/** What a key without scopes of its own may do: what a trainer needs during a run. */
export const TRAINER_SCOPES: readonly Scope[] = ['tools', 'grade']

/** Tells whether a word is the name of a scope. */
export function isScope(word: string): word is Scope {
  return SCOPES.some((scope) => scope === word)
}

/**
 * Reads a list of scopes such as `tools,grade`, `tools+grade` or `tools grade`.
 *
 * @throws Error that names the word that is no scope, or says that there is none at all.
 */
export function parseScopes(text: string): Scope[] {
  const words = text.split(/[\s,+]+/).filter((word) => word !== '')
  if (words.length === 0) throw new Error(`no scope given; the scopes are ${SCOPES.join(', ')}`)
  const scopes = new Set<Scope>()
  for (const word of words) {
    if (!isScope(word)) throw new Error(`"${word}" is not a scope; the scopes are ${SCOPES.join(', ')}`)
    scopes.add(word)
  }
  return [...scopes]
}

/** All that a holder of these scopes may do: the same scopes, or every one of them when `admin` is among them. */
export function impliedScopes(scopes: Iterable<Scope>): ReadonlySet<Scope> {
  const granted = new Set(scopes)
  return granted.has('admin') ? new Set(SCOPES) : granted
}
