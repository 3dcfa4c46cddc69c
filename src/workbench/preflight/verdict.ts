/** What a check came to: `skip` where it could not be known. */
export type Outcome = 'pass' | 'warn' | 'fail' | 'skip'

/** What came of one check. */
export interface Verdict {
  readonly check: string
  readonly outcome: Outcome
  /** What was found, for a person. */
  readonly why: string
  /** What to do about it; undefined where nothing is to be done. */
  readonly advice?: string | undefined
  /** Without this nothing else can be known of the server. */
  readonly isEnd?: true
}

/** A check's verdict that nothing is wrong. */
export const pass = (check: string, why: string): Verdict => ({ check, outcome: 'pass', why })
/** A check's verdict that something may spoil a job. */
export const warn = (check: string, why: string, advice: string): Verdict => ({ check, outcome: 'warn', why, advice })
/** A check's verdict that a job would be refused or spoilt. */
export const fail = (check: string, why: string, advice: string): Verdict => ({ check, outcome: 'fail', why, advice })
/** A check's verdict that it cannot be known. */
export const skip = (check: string, why: string, advice?: string): Verdict => ({ check, outcome: 'skip', why, advice })
