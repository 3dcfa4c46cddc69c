/**
 * The result of a scorer: a number, its parts and a reason.
 *
 * @example { score: 0.5, reason: 'the reference 811.97482 rounded further' }
 */
export interface Score {
  /** From 0 (wrong) to 1 (right), inclusive. */
  readonly score: number
  /** A short phrase for people. */
  readonly reason: string
  /** The named components of the score; each scorer documents their units. */
  readonly parts?: Readonly<Record<string, number>>
}

/** The maximum length for scorers that take linear time; counting its words takes some tenths of a second. */
export const longestCounted = 200_000

/** The maximum length for scorers that take quadratic time; 30,000 characters each take about a tenth of a second. */
export const longestAligned = 30_000

/**
 * Returns a score of 0 if the candidate is too long, and undefined if both can be compared. Lengths are in UTF-16 units, or
 * in elements for lists.
 *
 * Throws a RangeError if the reference is too long: then no answer could be right, and a zero would mislead the model.
 */
export function tooLong(
  candidate: { readonly length: number },
  reference: { readonly length: number },
  longest: number,
): Score | undefined {
  const unit = typeof reference === 'string' ? 'characters' : 'elements'
  if (reference.length > longest) {
    throw new RangeError(`the reference has ${reference.length} ${unit}; the maximum is ${longest}`)
  }
  if (candidate.length <= longest) return undefined
  return { score: 0, reason: `longer than ${longest} ${unit}`, parts: {} }
}
