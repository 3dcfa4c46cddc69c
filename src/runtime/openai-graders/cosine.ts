/**
 * The cosine of the angle between two vectors: from -1, opposite, over 0, nothing in common, to 1, the same direction.
 *
 * Undefined for vectors that have no angle: of different lengths, or with a length of 0, or with a number that is not finite.
 *
 * @see https://en.wikipedia.org/wiki/Cosine_similarity
 * @example cosine([1, 0], [1, 1]) // 0.7071
 */
export function cosine(a: readonly number[], b: readonly number[]): number | undefined {
  if (a.length !== b.length) return undefined
  const [largestA, largestB] = [largestOf(a), largestOf(b)]
  if (!(largestA > 0 && largestA < Infinity && largestB > 0 && largestB < Infinity)) return undefined
  let [product, squareA, squareB] = [0, 0, 0]
  for (const [index, of] of a.entries()) {
    // By the largest, so that no square is too large or too small for a number.
    const x = of / largestA
    const y = (b[index] ?? 0) / largestB
    product += x * y
    squareA += x * x
    squareB += y * y
  }
  // Rounding can lead just beyond 1.
  return Math.min(1, Math.max(-1, product / Math.sqrt(squareA * squareB)))
}

/** NaN where one of the numbers is NaN. */
const largestOf = (vector: readonly number[]) => vector.reduce((largest, one) => Math.max(largest, Math.abs(one)), 0)
