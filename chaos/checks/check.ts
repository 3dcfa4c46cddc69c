import type { Evidence } from '../evidence.ts'

/** One promise: `find` lists its violations, and must find none. */
export interface Check {
  readonly name: string
  readonly find: (evidence: Evidence) => readonly string[]
}
