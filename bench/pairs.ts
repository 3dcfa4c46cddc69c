/** What a comparison saw, one entry a pair. */
export interface PairRatios {
  readonly rates: { readonly old: readonly number[]; readonly now: readonly number[] }
  /** The new build's rate to that of the old build's bare route; empty where that was not measured. */
  readonly ofBare: readonly number[]
  /** The new build's rate to the old one's. */
  readonly now: readonly number[]
  /** The ratio of the old build's second server to its first: the noise of the machine. */
  readonly control: readonly number[]
}

/** Each function measures once and gives the rate. */
export interface Compared {
  readonly old: () => Promise<number>
  readonly now: () => Promise<number>
  readonly control: () => Promise<number>
  /** The old build's bare route. */
  readonly bare?: (() => Promise<number>) | undefined
}

/**
 * Measures in interleaved pairs: in each the old build, the new one, the old one's second server and its bare route, in an order that rotates
 * from pair to pair, so that being first or last gives no advantage.
 */
export async function comparePairs(compared: Compared, pairs: number): Promise<PairRatios> {
  const rates: { readonly old: number[]; readonly now: number[] } = { old: [], now: [] }
  const [now, control, ofBare]: [number[], number[], number[]] = [[], [], []]
  const names = (['old', 'now', 'control', 'bare'] as const).filter((name) => compared[name] !== undefined)
  for (let pair = 0; pair < pairs; pair += 1) {
    const seen = { old: 0, now: 0, control: 0, bare: 0 }
    for (let at = 0; at < names.length; at += 1) {
      const name = names[(pair + at) % names.length] ?? 'old'
      seen[name] = (await compared[name]?.()) ?? 0
    }
    rates.old.push(seen.old)
    rates.now.push(seen.now)
    now.push(seen.now / seen.old)
    control.push(seen.control / seen.old)
    if (compared.bare !== undefined) ofBare.push(seen.now / seen.bare)
  }
  return { rates, now, control, ofBare }
}
