/** Orders jobs so that each comes after those that it needs: `needs` has the names by job. */
export function order(needs) {
  const done = []
  const visit = (job) => {
    if (done.includes(job)) return
    for (const before of needs[job] ?? []) visit(before)
    done.push(job)
  }
  for (const job of Object.keys(needs)) visit(job)
  return done
}
