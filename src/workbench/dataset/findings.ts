/** The result of a check: `fail` when a job would be refused or spoilt, `warn` when it may be, `skip` when it cannot be known. */
export type Outcome = 'pass' | 'warn' | 'fail' | 'skip'

/** A row that a check rejects. */
export interface NamedRow {
  readonly file: string
  readonly line: number
  readonly reason: string
}

/** The result of one check, with its reasons. */
export interface Verdict {
  readonly check: string
  readonly outcome: Outcome
  /** What was found, for a person. */
  readonly why: string
  /** What to do about it; undefined when nothing has to be done. */
  readonly advice?: string | undefined
  /** How many rows the check rejects. */
  readonly count: number
  /** The first of them. */
  readonly rows: readonly NamedRow[]
}

/** The rows that one check rejects: all are counted, the first are named. */
export interface Findings {
  add(file: string, line: number, reason: string): void
  readonly count: number
  readonly rows: readonly NamedRow[]
}

/** Counts rows and keeps the first `limit` of them. */
export function createFindings(limit: number): Findings {
  const rows: NamedRow[] = []
  let count = 0
  return {
    add(file, line, reason) {
      count += 1
      if (rows.length < limit) rows.push({ file, line, reason })
    },
    get count() {
      return count
    },
    rows,
  }
}

/** Terminal colours: green, yellow, red, grey. */
const colours: Readonly<Record<Outcome, number>> = { pass: 32, warn: 33, fail: 31, skip: 90 }

/** Formats the verdicts of a dataset's checks for a person: one line a verdict, then the rejected rows and the advice. */
export function verdictsText(verdicts: readonly Verdict[], outcome: Outcome, isColoured: boolean): string {
  const mark = (one: Outcome) => (isColoured ? `\u001b[${colours[one]}m${one}\u001b[0m` : one)
  const count = (wanted: Outcome) => verdicts.filter((verdict) => verdict.outcome === wanted).length
  const skipped = count('skip')
  const total = `${count('fail')} failed, ${count('warn')} warnings${skipped > 0 ? `, ${skipped} skipped` : ''}`
  const lines = verdicts.flatMap((verdict) => linesOf(verdict, mark(verdict.outcome)))
  return [...lines, '', `${mark(outcome)}: ${total}`].join('\n')
}

function linesOf({ check, why, advice, count, rows }: Verdict, mark: string): readonly string[] {
  const indent = ' '.repeat(21)
  const lines = [`${mark}  ${check.padEnd(15)}${why}`]
  for (const { file, line, reason } of rows) lines.push(`${indent}${file}, line ${line}: ${reason}`)
  const more = count - rows.length
  if (more > 0 && rows.length > 0) lines.push(`${indent}and ${more.toLocaleString('en-US')} more`)
  if (advice !== undefined) lines.push(`${indent}→ ${advice}`)
  return lines
}
