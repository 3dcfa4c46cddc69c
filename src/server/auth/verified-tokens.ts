import { hash } from 'node:crypto'
import type { Principal } from './principal.ts'

/** A token that was verified. */
export interface VerifiedToken {
  readonly principal: Principal
  /** Its `nbf` in seconds since 1970; minus infinity without one. */
  readonly from: number
  /** Its `exp` in seconds since 1970. */
  readonly until: number
  /** The number of the fetch whose keys verified it; undefined if the shared secret did. */
  readonly fetched: number | undefined
}

/** Verified tokens, by their digest: never a token itself, never one that was refused. */
export interface VerifiedTokens {
  find(digest: string): VerifiedToken | undefined
  keep(digest: string, token: VerifiedToken): void
  forget(digest: string): void
  /** How many there are. */
  size(): number
}

/** How many tokens are cached at most. */
export const mostVerifiedTokens = 10_000

/**
 * Caches at most `most` tokens; one more evicts the oldest. The cache does not look at the clock: its user checks whether a
 * token is still valid.
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

/** The key of a token in the cache: its SHA-256, for which no second token can be constructed. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64')
}
