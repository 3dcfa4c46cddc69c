import { fee } from './fees.mjs'

/** What cents grow to with interest that is added each year, in whole cents. */
export function compound(cents, rate, years) {
  return Math.round(cents * (1 + rate * years))
}

/** What a loan costs in its first year: the interest and the fee. */
export function firstYear(cents, rate) {
  return Math.round(cents * rate) + fee(cents)
}
