import { createHash } from 'node:crypto'

/**
 * A sequence of numbers from 0 up to, but not including, 1. It is the same on every machine for the same keys, and independent
 * of every other: SHA-256 of the keys and a counter, 52 bits per number.
 */
export function randomFrom(...keys: readonly (string | number)[]): () => number {
  let drawn = 0
  return () => {
    const digest = createHash('sha256')
      .update(JSON.stringify([...keys, drawn]))
      .digest()
    drawn += 1
    return (digest.readUInt32BE(0) * 2 ** 20 + (digest.readUInt32BE(4) >>> 12)) / 2 ** 52
  }
}

/** Random choices. */
export interface Random {
  /** At least 0 and less than 1. */
  next(): number
  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(choices: readonly [T, ...T[]]): T
  /** The same values in another order. */
  shuffle<T>(things: readonly T[]): T[]
}

/** Makes choices with the numbers of a stream, each at least 0 and less than 1. */
export function choicesBy(next: () => number): Random {
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
