/** A stream of numbers that is the same on every machine for the same keys. */
export interface Random {
  /** At least 0 and less than 1. */
  next(): number
  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(choices: readonly [T, ...T[]]): T
  /** The same things in another order. */
  shuffle<T>(things: readonly T[]): T[]
}

/**
 * The stream of some keys, such as a seed, a company and a year: no stream depends on what was drawn from another, so
 * each figure can be asked for on its own. FNV-1a of the keys seeds Tommy Ettinger's mulberry32.
 */
export function randomOf(...keys: readonly (string | number)[]): Random {
  let state = 0x811c9dc5
  for (const char of keys.join('\n')) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  const whole = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    whole,
    chance: (probability) => next() < probability,
    pick: (choices) => choices[whole(0, choices.length - 1)] ?? choices[0],
    shuffle(things) {
      const keyed = things.map((thing) => ({ thing, key: next() }))
      return keyed.sort((a, b) => a.key - b.key).map(({ thing }) => thing)
    },
  }
}
