import { shorten } from '../../base/text.ts'
import type { Mover, RegradingReport } from '../../ledger/reports/regrading-report.ts'

/** What a terminal obeys instead of showing: control characters, and those that change the direction of text. */
const unseen = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu

/**
 * A text of unknown origin as one line that a terminal shows as it is.
 *
 * @param most characters of it
 */
export function plain(text: string, most: number): string {
  const line = text
    .slice(0, most * 4)
    .replace(unseen, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return shorten(line, most)
}

/** A tool call on one line: `search({"query":"oak"})`, with its outcome unless that is ok. */
export function callText({ tool, arguments: args, outcome }: Mover['calls'][number]): string {
  return `${tool}(${args})${outcome === 'ok' ? '' : `: ${outcome}`}`
}

/** A count as a person reads it: 12,345. */
export const whole = (count: number): string => count.toLocaleString('en-US')

/** A number with this many digits after its point, a dash for null. */
export const fixed = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits))

/** A difference with its sign. */
export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`

/** The beginning of a hash, enough to tell it from others. */
export const short = (hash: string | null): string => (hash === null ? 'unknown' : hash.slice(0, 12))

/** Where the scores before come from, the most frequent first. */
export function beforeInWords({ before }: RegradingReport): string[] {
  return before.map(({ source, version, code_hash, count }) => {
    const code = code_hash === null ? '' : `, code ${short(code_hash)}`
    const whose = source === 'trainer' ? 'what the trainer was sent' : 'an earlier re-grading'
    return `${whole(count)} × ${whose} (version ${version}${code})`
  })
}

/** Says that a grader was changed without a change of its version; undefined where it was not. */
export function changeInWords({ grader, version, code_hash: today, other_code }: RegradingReport): string | undefined {
  if (other_code.length === 0) return undefined
  const others = other_code.map(({ code_hash, count }) => `${short(code_hash)} (${whole(count)})`).join(', ')
  return (
    `the code of "${grader}" changed, and its version "${version}" did not: ` +
    `gradings of this version were made by code ${others}; today's is ${short(today)}. Give it another version.`
  )
}
