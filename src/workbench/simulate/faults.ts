/** What can be made to go wrong on the way. */
export const faults = ['duplicate', 'overlap', 'slow', 'drop'] as const

/**
 * A fault of one request: `duplicate`, sent again after its answer; `overlap`, sent again while the first attempt runs;
 * `slow`, its answer read with pauses; `drop`, its connection cut while it runs, and tried again.
 */
export type Fault = (typeof faults)[number]

/** Draws the fault of a request: one of those asked for, with the probability `share`; undefined for none. */
export function faultsOf(wanted: readonly Fault[], share: number, random: () => number): () => Fault | undefined {
  return () => (wanted.length > 0 && random() < share ? wanted[Math.floor(random() * wanted.length)] : undefined)
}
