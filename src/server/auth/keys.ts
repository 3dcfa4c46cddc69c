import { hash, timingSafeEqual } from 'node:crypto'
import { isRunPattern, runNameRule } from '../../base/run-name.ts'
import { allScopes, impliedScopes, isScope, type Principal, type Scope, trainerScopes } from './principal.ts'

/** A static key as the server keeps it, which is never the key itself. */
export interface ApiKey {
  /** For logs. Two keys may share a name, as the old and the new one do during a rotation. */
  readonly name: string
  readonly scopes: readonly Scope[]
  /** The names and patterns of the runs that it may use; undefined for all. */
  readonly runs?: readonly string[]
  /** SHA-256 of the key, 64 lowercase hex digits. */
  readonly sha256: string
}

/** The fewest characters that a key given by value may have. */
export const shortestKey = 16

/** The hash of an empty string, as of a variable that was not set. */
const hashOfNothing = hash('sha256', '')

const namePattern = /^[A-Za-z0-9._-]{1,64}$/

/**
 * Reads the value of `API_KEYS`: entries separated by white space or commas, each one of
 *
 *     KEY                          a key for a trainer: the scopes tools and grade
 *     SCOPE+SCOPE=KEY              a key with these scopes
 *     NAME:SCOPE+SCOPE=KEY         the same with a name, which the log shows
 *     NAME:SCOPE+SCOPE@RUN+RUN=KEY the same, bound to runs: names, or patterns such as exp-*
 *
 * where KEY is the key itself (at least 16 visible ASCII characters, no comma) or `sha256:` and the 64 hex digits of its
 * SHA-256. A KEY may hold `:` and may end in `=` as base64 does; one with `=` inside needs its scopes in front, because
 * the text before an entry's first inner `=` is read as its scopes.
 *
 * @throws Error that says what is wrong with which entry (counted from 1), and never shows a key.
 * @example parseApiKeys('trainer:tools+grade=correct-horse-battery, admin=sha256:9f86…')
 */
export function parseApiKeys(text: string): ApiKey[] {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '')
  if (entries.length === 0) throw new Error('it is set but contains no key')
  const keys = entries.map((entry, index) => parseEntry(entry, index + 1))
  for (const [index, key] of keys.entries()) {
    const first = keys.findIndex((other) => other.sha256 === key.sha256)
    if (first !== index) throw new Error(`entry ${index + 1} is the same key as entry ${first + 1}; give it once`)
  }
  return keys
}

function parseEntry(entry: string, number: number): ApiKey {
  const padding = /=*$/.exec(entry)?.[0].length ?? 0
  const split = entry.slice(0, entry.length - padding).indexOf('=')
  if (split === -1) return { name: `key-${number}`, scopes: trainerScopes, sha256: digestOf(entry, number) }

  const label = entry.slice(0, split)
  const colon = label.indexOf(':')
  const name = colon === -1 ? `key-${number}` : label.slice(0, colon)
  // This text may be part of a key by mistake, so no message may show it.
  if (!namePattern.test(name)) {
    throw new Error(`entry ${number}: the name before ":" must be 1 to 64 letters, digits, dots, dashes or underscores`)
  }
  const [words = [], ...bound] = label
    .slice(colon + 1)
    .split('@')
    .map((part) => part.split('+'))
  const scopes = words.filter(isScope)
  if (scopes.length !== words.length) {
    throw new Error(
      `entry ${number}: the text before "=" is not a list of scopes joined by "+" (${allScopes.join(', ')}); ` +
        'a key that itself holds "=" needs its scopes in front, as in tools+grade=KEY',
    )
  }
  const [runs] = bound
  if (bound.length > 1 || runs?.every(isRunPattern) === false) {
    throw new Error(
      `entry ${number}: the text after "@" is not a list of runs joined by "+"; a run is ${runNameRule}, and may end in "*"`,
    )
  }
  const sha256 = digestOf(entry.slice(split + 1), number)
  return { name, scopes: [...new Set(scopes)], ...(runs && { runs: [...new Set(runs)] }), sha256 }
}

function digestOf(value: string, number: number): string {
  if (/^sha256:/i.test(value)) {
    const hex = value.slice('sha256:'.length).toLowerCase()
    if (!/^[0-9a-f]{64}$/.test(hex)) throw new Error(`entry ${number}: "sha256:" must be followed by 64 hex digits`)
    if (hex === hashOfNothing)
      throw new Error(`entry ${number}: "sha256:" is followed by the hash of an empty string, which is not a key`)
    return hex
  }
  if (!/^[\x21-\x7e]*$/.test(value)) {
    throw new Error(`entry ${number}: a key may hold visible ASCII characters only, because it travels in a header`)
  }
  if (value.length < shortestKey) {
    throw new Error(`entry ${number}: a key needs at least ${shortestKey} characters, this one has ${value.length}`)
  }
  return hash('sha256', value)
}

/**
 * Makes the function that finds the owner of a presented key, or undefined. It hashes the key and compares the digest with
 * every known one in constant time, even after a match, so that its duration reveals nothing about any key.
 *
 * @param equal compares two digests of 32 bytes without ending early
 */
export function createKeyFinder(
  keys: readonly ApiKey[],
  equal: (one: Buffer, other: Buffer) => boolean = timingSafeEqual,
): (presented: string) => Principal | undefined {
  const known = keys.map(({ name, scopes, runs, sha256 }) => ({
    digest: Buffer.from(sha256, 'hex'),
    principal: { subject: name, scopes: impliedScopes(scopes), ...(runs && { runs }) },
  }))
  return (presented) => {
    const digest = hash('sha256', presented, 'buffer')
    let found: Principal | undefined
    for (const key of known) {
      if (equal(key.digest, digest)) found = key.principal
    }
    return found
  }
}
