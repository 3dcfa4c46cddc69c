/** What a check came to: `fail` when a job would be refused or spoilt, `warn` when it may be. */
export type Outcome = 'pass' | 'warn' | 'fail'

/** A row that a check does not like. */
export interface NamedRow {
  readonly file: string
  readonly line: number
  readonly reason: string
}

/** What came of one check. */
export interface Verdict {
  readonly check: string
  readonly outcome: Outcome
  /** What was found, for a person. */
  readonly why: string
  /** What to do about it; undefined where nothing is to be done. */
  readonly advice?: string | undefined
  /** How many rows the check does not like. */
  readonly count: number
  /** The first of them. */
  readonly rows: readonly NamedRow[]
}

/** The rows that one check does not like: all are counted, the first are named. */
export interface Findings {
  add(file: string, line: number, reason: string): void
  readonly count: number
  readonly rows: readonly NamedRow[]
}

/** Counts rows and keeps the first `most` of them. */
export function createFindings(most: number): Findings {
  const rows: NamedRow[] = []
  let count = 0
  return {
    add(file, line, reason) {
      count += 1
      if (rows.length < most) rows.push({ file, line, reason })
    },
    get count() {
      return count
    },
    rows,
  }
}

/** A number with its noun, in the plural where there is not one of it. */
export const counted = (count: number, noun: string) =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
