import { choicesBy, randomFrom } from '../src/workbench/simulate/random.ts'

/** The faults, with their least and greatest duration in seconds; 0 for those without a duration. */
export const faultKinds = {
  'kill a replica': [0.2, 1.5],
  'restart a replica gracefully': [0, 0],
  'freeze a replica past its leases': [4.5, 7],
  'crash Postgres': [0.1, 4],
  'terminate all backends': [0, 0],
  'exhaust the connections': [1, 4],
  'add latency': [2, 5],
  'cut all connections': [0, 0],
  'stall the network': [1, 4],
  'fill the pools': [2, 4],
} as const

/** The faults of sandboxes, likewise. */
export const sandboxFaultKinds = {
  'kill a replica before it records a sandbox': [0.2, 1.5],
  'freeze a replica before it records a sandbox': [4.5, 7],
  'restart a replica before it records a sandbox': [0, 0],
  'kill a replica whose helper is frozen': [3, 5],
  'kill the helper process of a replica': [0, 0],
  'remove sandboxes': [0, 0],
  'kill commands in sandboxes': [0, 0],
} as const

const allKinds = { ...faultKinds, ...sandboxFaultKinds }

/** The name of a fault. */
export type FaultKind = keyof typeof allKinds

/** Whether a fault is one of {@link sandboxFaultKinds}. */
export const isSandboxFault = (kind: FaultKind): boolean => kind in sandboxFaultKinds

/** The kinds of faults of a run. */
export function kindsOf({ sandboxes }: { readonly sandboxes: boolean }): readonly FaultKind[] {
  return Object.keys(sandboxes ? allKinds : faultKinds).map(kindOf)
}

/** One fault of the schedule. */
export interface Fault {
  readonly kind: FaultKind
  /** When it begins, in seconds from the start of the run. */
  readonly at: number
  /** How long it lasts, in seconds. */
  readonly lasts: number
  /** The replica that it hits, if any. */
  readonly replica: number
  /** The latency that it adds in each direction, in milliseconds, if any. */
  readonly ms: number
}

/** The most seconds between two faults; less in a short run, so that each kind occurs once. */
const apart = 5
/** Seconds before the first fault, so that a run starts with a working system. */
const calm = 2

/**
 * The faults of a run, a pure function of its arguments. Each kind occurs once before any is repeated, in an order that
 * depends on the seed; a fault with a duration may overlap the next ones.
 */
export function scheduleOf(
  seed: string,
  minutes: number,
  replicas: number,
  kinds: readonly FaultKind[] = kindsOf({ sandboxes: false }),
): readonly Fault[] {
  const random = choicesBy(randomFrom('chaos', 'faults', seed, replicas))
  const seconds = minutes * 60
  const gap = Math.min(apart, (seconds - calm) / kinds.length)
  const faults: Fault[] = []
  for (let at = calm; at + gap / 2 < seconds; ) {
    for (const kind of random.shuffle(kinds)) {
      const [least, most] = allKinds[kind]
      const lasts = round(least + random.next() * (most - least))
      const jitter = random.next() * gap * 0.4
      if (at + gap / 2 >= seconds) break
      faults.push({
        kind,
        at: round(at + jitter),
        lasts,
        replica: random.whole(0, replicas - 1),
        ms: random.whole(5, 120),
      })
      at += gap
    }
  }
  return faults
}

/** A fault as one line of text. */
export function describeFault({ kind, at, lasts, replica, ms }: Fault): string {
  const which = kind.includes('replica') ? ` ${replica}` : ''
  const long = lasts === 0 ? '' : `, ${lasts.toFixed(1)} s`
  return `${at.toFixed(1).padStart(7)} s  ${kind}${which}${kind === 'add latency' ? ` of ${ms} ms` : ''}${long}`
}

const isKind = (name: string): name is FaultKind => name in allKinds

function kindOf(name: string): FaultKind {
  if (isKind(name)) return name
  throw new Error(`unknown fault "${name}"`)
}

const round = (seconds: number) => Math.round(seconds * 10) / 10
