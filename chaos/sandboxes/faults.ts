import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../postgres.ts'
import type { Replica } from '../replica.ts'
import type { Fault } from '../schedule.ts'
import { helpersOf, killAll } from './processes.ts'
import { atRecord } from './seam.ts'
import type { BoxWatch } from './watch.ts'

/** The components that faults of sandboxes are injected into. */
export interface SandboxVictims {
  readonly cluster: Cluster
  readonly replicas: readonly Replica[]
  readonly boxes: BoxWatch | undefined
}

/** How long a graceful shutdown goes on before the record of a sandbox is made, in milliseconds. */
const stoppingMs = 300
/** How long requests to create sandboxes collect at a frozen helper process, in milliseconds. */
const collectingMs = 1_500

/** Injects a fault of sandboxes; resolves with whether it hit what it is about, when it is over and everything runs again. */
export async function actOnSandboxes(
  { cluster, replicas, boxes }: SandboxVictims,
  { kind, lasts, replica, ms }: Pick<Fault, 'kind' | 'lasts' | 'replica' | 'ms'>,
): Promise<boolean> {
  const hit = replicas[replica]
  if (hit === undefined || boxes === undefined) return false
  switch (kind) {
    case 'kill a replica before it records a sandbox': {
      // Otherwise the session in Postgres makes the record after its client has died.
      const isCutOff = ms % 2 === 0
      const wasHit = await atRecord(cluster, replica, async (cutOff) => {
        await hit.kill()
        if (isCutOff) await cutOff()
      })
      await sleep(lasts * 1000)
      await hit.start()
      return wasHit
    }
    case 'freeze a replica before it records a sandbox': {
      let thawing: Promise<void> | undefined
      const wasHit = await atRecord(cluster, replica, async (cutOff) => {
        thawing = hit.freeze(lasts)
        await cutOff()
      })
      await thawing
      return wasHit
    }
    case 'restart a replica before it records a sandbox': {
      let restarting: Promise<void> | undefined
      const wasHit = await atRecord(cluster, replica, async () => {
        restarting = hit.restart()
        await sleep(stoppingMs)
      })
      await restarting
      return wasHit
    }
    case 'kill a replica whose helper is frozen': {
      const helpers = helpersOf(hit.current()?.pid ?? 0)
      signalAll(helpers, 'SIGSTOP')
      await sleep(collectingMs)
      await hit.kill()
      await sleep(lasts * 1000)
      signalAll(helpers, 'SIGCONT')
      await hit.start()
      return helpers.length > 0
    }
    case 'kill the helper process of a replica': {
      const helpers = helpersOf(hit.current()?.pid ?? 0)
      killAll(helpers)
      return helpers.length > 0
    }
    case 'remove sandboxes':
      return boxes.remove(2)
    case 'kill commands in sandboxes':
      return boxes.killCommands(3)
    default:
      return false
  }
}

function signalAll(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended.
    }
  }
}
