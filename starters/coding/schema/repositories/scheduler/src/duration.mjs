const seconds = { h: 3600, m: 60, s: 1 }

/** Reads a duration such as `45m` as seconds. */
export function parse(text) {
  const [, amount, unit] = /^(\d+)([hms])/.exec(text)
  return Number(amount) * seconds[unit]
}

/** Writes seconds such as `1h 30m`. */
export function format(total) {
  const parts = []
  let rest = total
  for (const [unit, size] of Object.entries(seconds)) {
    const amount = Math.floor(rest / size)
    if (amount > 0) parts.push(`${amount}${unit}`)
    rest -= amount * size
  }
  return parts.join(' ')
}
