/**
 * What a scorer says: a number, what it was made of, and why.
 *
 * @example { score: 0.5, reason: 'the reference 811.97482 rounded further' }
 */
export interface Score {
  /** From 0 (wrong) to 1 (right), both included. */
  score: number
  /** One short phrase for a person who reads the trajectory. */
  reason: string
  /** The named numbers that the score was made of; each scorer states their units. */
  parts?: Readonly<Record<string, number>>
}
