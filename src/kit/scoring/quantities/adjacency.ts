import type { Token } from './tokens.ts'

const isText = (token: Token | undefined): boolean => token?.kind === 'word' || token?.kind === 'number'

const JOINERS = '-+/:^_.'

/** Whether what begins at a token is the rest of a longer name: the 009 of JKT-URB-009, the 14 of 8-14, Q3's 3. */
export const isInsideWord = (tokens: readonly Token[], at: number): boolean => {
  if (tokens[at]?.spaced !== false) return false
  const before = tokens[at - 1]
  if (isText(before)) return true
  return before?.spaced === false && JOINERS.includes(before.text) && isText(tokens[at - 2])
}

/** Whether what ends before a token goes on as a longer name: the 5 of 5-year, 8-14, 2nd, 1/2/2015 or 2^3. */
export const runsOn = (tokens: readonly Token[], at: number): boolean => {
  const next = tokens[at]
  if (next === undefined) return false
  if (next.text === '^' || next.text === '**' || next.text === '/') return true
  if (next.spaced) return false
  return isText(next) || (JOINERS.includes(next.text) && isText(tokens[at + 1]) && tokens[at + 1]?.spaced === false)
}
