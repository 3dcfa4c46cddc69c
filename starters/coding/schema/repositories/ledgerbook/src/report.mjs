/** Sums the payments of an account by month. */
export function byMonth(account) {
  const sums = {}
  for (const { kind, cents, date } of account.entries) {
    if (kind !== 'payment') continue
    const day = new Date(`${date}T00:00:00Z`)
    const month = `${day.getUTCFullYear()}-${String(day.getUTCMonth()).padStart(2, '0')}`
    sums[month] = (sums[month] ?? 0) + cents
  }
  return sums
}
