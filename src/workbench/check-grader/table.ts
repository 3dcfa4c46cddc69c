import type { Finding } from './finding.ts'

const marks = { pass: '✓', warn: '!', fail: '✗' } as const

/** The findings for a person: a line a check, and under those that did not pass what to look at and what to do. */
export function findingsTable(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  return findings
    .flatMap(({ check, verdict, found, advice, examples }) => [
      `${marks[verdict]} ${verdict}  ${check.padEnd(width)}  ${found}`,
      ...examples.map(({ attempt, item, output, earned, reason }) => {
        const worth = earned === null ? 'no score' : earned.toFixed(2)
        return `${' '.repeat(8)}${attempt}, item ${item}: ${output} → ${worth}${reason === '' ? '' : ` (${reason})`}`
      }),
      ...(advice === '' || verdict === 'pass' ? [] : [`${' '.repeat(8)}${advice}`]),
    ])
    .join('\n')
}
