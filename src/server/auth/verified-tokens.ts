import { hash } from 'node:crypto'
import type { Principal } from './principal.ts'

/** A token that was found good. */
export interface VerifiedToken {
  readonly principal: Principal
  /** Its `nbf` in seconds since 1970; minus infinity without one. */
  readonly from: number
  /** Its `exp` in seconds since 1970. */
  readonly until: number
  /** The number of the fetch whose keys have confirmed it; undefined when the shared secret did. */
  readonly fetched: number | undefined
}

/** The tokens that were found good, by their digest: never a token itself, never one that was refused. */
export interface VerifiedTokens {
  find(digest: string): VerifiedToken | undefined
  keep(digest: string, token: VerifiedToken): void
  forget(digest: string): void
  /** How many there are. */
  size(): number
}

/** The most tokens that are remembered. */
export const mostVerifiedTokens = 10_000

/**
 * Remembers at most `most` tokens; one more makes it forget the one that has been there longest. Whether a token is still
 * good is for its user to say: nothing here looks at a clock.
 */
export function createVerifiedTokens(most: number = mostVerifiedTokens): VerifiedTokens {
  const tokens = new Map<string, VerifiedToken>()
  return {
    find: (digest) => tokens.get(digest),
    keep(digest, token) {
      const [oldest] = tokens.size >= most && !tokens.has(digest) ? tokens.keys() : []
      if (oldest !== undefined) tokens.delete(oldest)
      tokens.set(digest, token)
    },
    forget: (digest) => void tokens.delete(digest),
    size: () => tokens.size,
  }
}

/** What a token is remembered by: its SHA-256, in which nobody can steer towards another token's place. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64')
}
