import type { Evidence } from '../evidence.ts'

/** One promise: `find` gives what breaks it, a line each, and must give nothing. */
export interface Check {
  readonly name: string
  readonly find: (evidence: Evidence) => readonly string[]
}
