/** An account with its entries: deposits, payments and refunds, in cents. */
export class Account {
  entries = []

  add(kind, cents, date) {
    this.entries.push({ kind, cents, date })
    return this
  }

  balance() {
    let sum = 0
    for (const { kind, cents } of this.entries) {
      if (kind === 'deposit') sum += cents
      if (kind === 'payment') sum -= cents
    }
    return sum
  }
}

/** Moves cents from one account to another. */
export function transfer(from, to, cents, date) {
  from.add('payment', cents, date)
  to.add('deposit', cents, date)
}
