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
