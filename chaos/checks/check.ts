import type { Evidence } from '../evidence.ts'

/** A promise; `find` returns its violations, of which there must be none. */
export interface Check {
  readonly name: string
  readonly find: (evidence: Evidence) => readonly string[]
}
