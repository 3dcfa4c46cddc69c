/** The result of a check. A warning is something to look at that may be intended; a failure is not. */
export interface Finding {
  readonly check: string
  readonly verdict: 'pass' | 'warn' | 'fail'
  /** What was found, in a sentence. */
  readonly found: string
  /** Why it matters and what to do; empty if nothing has to be done. */
  readonly advice: string
  /** The answers behind the verdict that are worth a look, the worst first. */
  readonly examples: readonly FindingExample[]
}

/** One answer behind a verdict. */
export interface FindingExample {
  /** What was tried. */
  readonly attempt: string
  /** The item's position among those of the check, from 1. */
  readonly item: number
  /** The beginning of the answer. */
  readonly output: string
  /** What it earned, from 0 (least) to 1 (greatest); null if there was no score. */
  readonly earned: number | null
  readonly reason: string
}

const marks = { pass: '✓', warn: '!', fail: '✗' } as const

/** Formats findings for a person: one line a check, then examples and advice for those that did not pass. */
export function findingsTable(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const indent = ' '.repeat(8)
  return findings
    .flatMap(({ check, verdict, found, advice, examples }) => [
      `${marks[verdict]} ${verdict}  ${check.padEnd(width)}  ${found}`,
      ...examples.map(({ attempt, item, output, earned, reason }) => {
        const worth = earned === null ? 'no score' : earned.toFixed(2)
        return `${indent}${attempt}, item ${item}: ${output} → ${worth}${reason === '' ? '' : ` (${reason})`}`
      }),
      ...(advice === '' || verdict === 'pass' ? [] : [`${indent}${advice}`]),
    ])
    .join('\n')
}

/** A share in whole percent, or in tenths of a percent if it is less than one. */
export function percent(share: number): string {
  const value = share * 100
  return `${Math.abs(value) < 1 && value !== 0 ? value.toFixed(1) : Math.round(value)} %`
}
