import { choicesBy, type Random } from '../../src/workbench/simulate/random.ts'

/**
 * The random stream of some keys, such as a seed, a company and a year. Streams are independent of each other, so each
 * figure can be generated on its own. FNV-1a of the keys seeds Tommy Ettinger's mulberry32.
 */
export function randomOf(...keys: readonly (string | number)[]): Random {
  let state = 0x811c9dc5
  for (const char of keys.join('\n')) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return choicesBy(() => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  })
}
