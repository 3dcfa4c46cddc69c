import type { RegradingReport } from '../../ledger/reports/regrading-report.ts'

/** A count as a person reads it: 12,345. */
export const whole = (count: number): string => count.toLocaleString('en-US')

/** A number with so many digits after its point, a dash where there is none. */
export const fixed = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits))

/** A difference with its sign. */
export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`

/** The beginning of a hash, enough to tell it from others. */
export const short = (hash: string | null): string => (hash === null ? 'unknown' : hash.slice(0, 12))

/** Whose scores are the ones before, most of them first. */
export function beforeInWords({ before }: RegradingReport): string[] {
  return before.map(({ source, version, code_hash, count }) => {
    const code = code_hash === null ? '' : `, code ${short(code_hash)}`
    const whose = source === 'trainer' ? 'what the trainer was sent' : 'an earlier re-grading'
    return `${whole(count)} × ${whose} (version ${version}${code})`
  })
}

/** That a grader was changed without a change of its version; undefined when nothing says so. */
export function changeInWords({ grader, version, code_hash: today, other_code }: RegradingReport): string | undefined {
  if (other_code.length === 0) return undefined
  const others = other_code.map(({ code_hash, count }) => `${short(code_hash)} (${whole(count)})`).join(', ')
  return (
    `the code of "${grader}" changed, and its version "${version}" did not: ` +
    `gradings of this version were made by code ${others}; today's is ${short(today)}. Give it another version.`
  )
}
