/** The fee of a loan: one percent. */
export function fee(cents) {
  return Math.round(cents * 0.01)
}
