import { createHash } from 'node:crypto'

/**
 * A stream of numbers, at least 0 and less than 1, that is the same on every machine for the same keys and independent of
 * every other: SHA-256 of the keys and a counter, 52 bits a number.
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
