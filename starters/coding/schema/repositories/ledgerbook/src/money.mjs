/** Reads an amount such as `12.50` as whole cents. */
export function parse(text) {
  const [whole, cents = '0'] = text.trim().split('.')
  return Number(whole) * 100 + Number(cents.padEnd(2, '0'))
}

/** Writes cents as dollars. */
export function format(cents) {
  return `$${(cents / 100).toFixed(2)}`
}

/** Splits cents into parts that differ by one cent at most. */
export function split(cents, parts) {
  return Array.from({ length: parts }, () => Math.floor(cents / parts))
}
