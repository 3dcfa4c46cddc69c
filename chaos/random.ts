import { randomFrom } from '../src/workbench/simulate/random.ts'

/** A stream of random choices that is the same on every machine for the same keys. */
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

/** The stream of some keys, such as a seed and the number of a rollout. */
export function randomOf(...keys: readonly (string | number)[]): Random {
  const next = randomFrom('chaos', ...keys)
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
