import type { Log } from '../../base/log.ts'
import type { SandboxPlan } from '../../kit/sandboxes.ts'
import { createSandboxClosing, type SandboxCounts } from '../../ledger/sandbox-closing.ts'
import { createSandboxLedger, type SandboxCaps } from '../../ledger/sandboxes.ts'
import type { Database } from '../../postgres/database.ts'
import type { SandboxProvider } from '../../runtime/sandbox/provider.ts'
import { createSandboxCloser } from './closer.ts'
import { makeFailure } from './failure.ts'
import { createSandboxMeter, type SandboxMeter } from './meter.ts'
import { createSandboxOpener } from './opener.ts'
import { createSandboxQueue } from './queue.ts'
import { type Reaped, reap } from './reaper.ts'
import type { SandboxServices, SandboxTimes } from './services.ts'
import { createSandboxUse, type SandboxUse, type SandboxUser } from './use.ts'

/** What {@link createSandboxes} needs. */
export interface SandboxSettings {
  readonly sql: Database['sql']
  readonly provider: SandboxProvider
  readonly plans: readonly SandboxPlan[]
  readonly installation: string
  readonly caps: SandboxCaps
  readonly times: SandboxTimes
  readonly log: Log
  readonly stopping: AbortSignal
}

/** The sandboxes of an installation, as a process uses them. */
export interface Sandboxes {
  /** The sandboxes of a call or a grading. */
  use(user: SandboxUser, names: readonly string[]): SandboxUse
  /** Throws an `UngradableError` if a sandbox of the attempt failed after it was used: no score would be right. */
  mustBeIntact(run: string, rollout: number): Promise<void>
  /** Closes the sandboxes of an attempt that has ended; what cannot be closed is left to the reaper. */
  end(attempt: { readonly run: string; readonly number: number }): Promise<void>
  /** One turn of the reaper; see {@link reap}. */
  reap(): Promise<Reaped>
  counts(): Promise<SandboxCounts>
  readonly meter: SandboxMeter
}

/** Creates the sandboxes of an installation. */
export function createSandboxes({ sql, plans, ...settings }: SandboxSettings): Sandboxes {
  const ledger = { ...createSandboxLedger(sql), ...createSandboxClosing(sql) }
  const meter = createSandboxMeter()
  const services: SandboxServices = {
    ...settings,
    ledger,
    meter,
    plans: new Map(plans.map((plan) => [plan.name, plan])),
  }
  const queue = createSandboxQueue(services)
  const opener = createSandboxOpener(services, queue)
  const closer = createSandboxCloser(services, queue.kick)
  return {
    meter,
    use: (user, names) => createSandboxUse(services, opener, user, names),
    async mustBeIntact(run, rollout) {
      const lost = await ledger.findLost(run, rollout)
      if (lost === undefined) return
      throw makeFailure(500, 'sandbox_lost', 'the sandbox of the rollout was lost, and with it its work', lost.name)
    },
    end: closer.end,
    reap: () => reap(services, closer),
    counts: () => ledger.counts(),
  }
}
