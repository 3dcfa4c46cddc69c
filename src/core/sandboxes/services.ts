import type { Log } from '../../base/log.ts'
import type { SandboxPlan } from '../../kit/sandboxes.ts'
import type { SandboxClosing } from '../../ledger/sandbox-closing.ts'
import type { SandboxCaps, SandboxKey, SandboxLedger } from '../../ledger/sandboxes.ts'
import type { SandboxLabels, SandboxProvider } from '../../runtime/sandbox/provider.ts'
import type { SandboxMeter } from './meter.ts'

/** What everything that concerns sandboxes needs. */
export interface SandboxServices {
  readonly ledger: SandboxLedger & SandboxClosing
  readonly provider: SandboxProvider
  readonly plans: ReadonlyMap<string, SandboxPlan>
  /** The label of all sandboxes of this installation: replicas share it, and others do not have it. */
  readonly installation: string
  readonly caps: SandboxCaps
  readonly times: SandboxTimes
  readonly meter: SandboxMeter
  readonly log: Log
  /** Aborted when the server stops and running work must end. */
  readonly stopping: AbortSignal
}

/** Times in seconds. */
export interface SandboxTimes {
  /** How long a request waits for a place before it is answered with 503. */
  readonly wait: number
  /** How long a creation may take, and how long one that was interrupted is looked for. */
  readonly create: number
  readonly look: number
  /** How long any other request to the provider may take. */
  readonly request: number
  /** How long a claim holds without renewal. */
  readonly lease: number
  /** The provider's own time to live: longer than a rollout can last from its latest call to the end of its grading. */
  readonly timeToLive: number
}

/** The labels of a rollout's sandbox. */
export function labelsOf(services: Pick<SandboxServices, 'installation'>, key: SandboxKey, generation: number) {
  const { installation } = services
  const labels: SandboxLabels = {
    installation,
    rollout: String(key.rollout),
    name: key.name,
    generation: String(generation),
  }
  return labels
}
