/** The result of a check: `skip` if it cannot be known. */
export type Outcome = 'pass' | 'warn' | 'fail' | 'skip'

/** The result of one check, with its reasons. */
export interface Verdict {
  readonly check: string
  readonly outcome: Outcome
  /** What was found, for a person. */
  readonly why: string
  /** What to do about it; undefined if nothing has to be done. */
  readonly advice?: string | undefined
  /** Nothing else can be checked after this verdict. */
  readonly isEnd?: true
}

/** The verdict that nothing is wrong. */
export const pass = (check: string, why: string): Verdict => ({ check, outcome: 'pass', why })
/** The verdict that a fault may spoil a job. */
export const warn = (check: string, why: string, advice: string): Verdict => ({ check, outcome: 'warn', why, advice })
/** The verdict that a job would be refused or spoilt. */
export const fail = (check: string, why: string, advice: string): Verdict => ({ check, outcome: 'fail', why, advice })
/** The verdict that the result cannot be known. */
export const skip = (check: string, why: string, advice?: string): Verdict => ({ check, outcome: 'skip', why, advice })

/** Terminal colours: green, yellow, red, grey. */
const colours: Readonly<Record<Outcome, number>> = { pass: 32, warn: 33, fail: 31, skip: 90 }

/** Formats a verdict for a person: one line, and the advice below it. */
export function verdictText({ check, outcome, why, advice }: Verdict, isColoured: boolean): string {
  const mark = isColoured ? `\u001b[${colours[outcome]}m${outcome}\u001b[0m` : outcome
  const lines = [`${mark}  ${check.padEnd(24)}${why}`]
  if (advice !== undefined && outcome !== 'pass') lines.push(`${' '.repeat(30)}→ ${advice}`)
  return lines.join('\n')
}

/** The worst outcome of all verdicts, and how many there are of each. */
export function totalOf(verdicts: readonly Verdict[]) {
  const count = (wanted: Outcome) => verdicts.filter(({ outcome }) => outcome === wanted).length
  const [failed, warned, skipped] = [count('fail'), count('warn'), count('skip')]
  const outcome: Outcome = failed > 0 ? 'fail' : warned > 0 ? 'warn' : 'pass'
  return { outcome, passed: count('pass'), failed, warned, skipped }
}
