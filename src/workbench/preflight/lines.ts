import type { Outcome, Verdict } from './verdict.ts'

/** Colours of a terminal: green, yellow, red, grey. */
const colours: Readonly<Record<Outcome, number>> = { pass: 32, warn: 33, fail: 31, skip: 90 }

/** A verdict for a person: a line, and below it what to do. */
export function verdictLines({ check, outcome, why, advice }: Verdict, isColoured: boolean): string {
  const mark = isColoured ? `\u001b[${colours[outcome]}m${outcome}\u001b[0m` : outcome
  const lines = [`${mark}  ${check.padEnd(24)}${why}`]
  if (advice !== undefined && outcome !== 'pass') lines.push(`${' '.repeat(30)}→ ${advice}`)
  return lines.join('\n')
}

/** What all came to: the worst of the verdicts, and how many of each there are. */
export function totalOf(verdicts: readonly Verdict[]) {
  const count = (wanted: Outcome) => verdicts.filter(({ outcome }) => outcome === wanted).length
  const [failed, warned, skipped] = [count('fail'), count('warn'), count('skip')]
  const outcome: Outcome = failed > 0 ? 'fail' : warned > 0 ? 'warn' : 'pass'
  return { outcome, passed: count('pass'), failed, warned, skipped }
}
