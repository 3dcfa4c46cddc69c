import type { DatasetReport } from './check.ts'
import type { Outcome, Verdict } from './findings.ts'

/** Colours of a terminal: green, yellow, red. */
const colours: Readonly<Record<Outcome, number>> = { pass: 32, warn: 33, fail: 31 }

/** What a dataset's checks came to, for a person: a line a verdict, the bad rows and what to do beneath. */
export function checkLines({ verdicts, outcome }: DatasetReport, isColoured: boolean): string {
  const mark = (one: Outcome) => (isColoured ? `\u001b[${colours[one]}m${one}\u001b[0m` : one)
  const lines = verdicts.flatMap((verdict) => linesOf(verdict, mark(verdict.outcome)))
  const failed = verdicts.filter((verdict) => verdict.outcome === 'fail').length
  const warned = verdicts.filter((verdict) => verdict.outcome === 'warn').length
  return [...lines, '', `${mark(outcome)}: ${failed} failed, ${warned} warnings`].join('\n')
}

function linesOf({ check, why, advice, count, rows }: Verdict, mark: string): readonly string[] {
  const indent = ' '.repeat(21)
  const more = count - rows.length
  return [
    `${mark}  ${check.padEnd(15)}${why}`,
    ...rows.map(({ file, line, reason }) => `${indent}${file}, line ${line}: ${reason}`),
    ...(more > 0 && rows.length > 0 ? [`${indent}and ${more.toLocaleString('en-US')} more`] : []),
    ...(advice === undefined ? [] : [`${indent}→ ${advice}`]),
  ]
}
