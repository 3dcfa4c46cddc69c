/**
 * What a scorer says: a number, what it was made of, and why.
 *
 * @example { score: 0.5, reason: 'the reference 811.97482 rounded further' }
 */
export interface Score {
  /** From 0 (wrong) to 1 (right), both included. */
  readonly score: number
  /** One short phrase for a person who reads the trajectory. */
  readonly reason: string
  /** The named numbers that the score was made of; each scorer states their units. */
  readonly parts?: Readonly<Record<string, number>>
}

/** Enough for any answer; counting its words takes some tenths of a second at most. */
export const longestCounted = 200_000

/** What takes time by the product of two lengths: 30,000 characters each way are about a tenth of a second. */
export const longestAligned = 30_000

/**
 * The score of a candidate that is too long to be read, 0, or undefined when both can be read. Lengths are in UTF-16
 * units, or in elements for lists.
 *
 * Throws a RangeError when it is the reference that is too long: no answer could be right, and the model is not to
 * learn that this one was wrong.
 */
export function tooLong(
  candidate: { readonly length: number },
  reference: { readonly length: number },
  longest: number,
): Score | undefined {
  const unit = typeof reference === 'string' ? 'characters' : 'elements'
  if (reference.length > longest) {
    throw new RangeError(`the reference has ${reference.length} ${unit}; at most ${longest} can be compared`)
  }
  if (candidate.length <= longest) return undefined
  return { score: 0, reason: `longer than ${longest} ${unit}`, parts: {} }
}
