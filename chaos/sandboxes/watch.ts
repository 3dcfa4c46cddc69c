import { linkSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'postgres'
import { z } from 'zod'
import { createLog } from '../../src/base/log.ts'
import { createSandboxes, type Sandboxes } from '../../src/core/sandboxes/sandboxes.ts'
import { createLocalProvider } from '../../src/runtime/sandbox/local/local-provider.ts'
import { labelsSchema } from '../../src/runtime/sandbox/local/messages.ts'
import type { SandboxLabels } from '../../src/runtime/sandbox/provider.ts'
import { boxedEnvironment } from '../served/boxed.ts'
import { commandsIn, killAll } from './processes.ts'

/** A sandbox as the provider's folder showed it. */
export interface SeenBox {
  readonly handle: string
  /** Undefined if it was removed before they were read. */
  readonly labels: SandboxLabels | undefined
  /** The lines that its commands wrote, each the name of a command and a nonce of its execution. */
  readonly lines: readonly string[]
  /** When the harness had removed it, in milliseconds since 1970. */
  readonly removedAt: number | undefined
}

/** How many sandboxes may exist, and how many of them may be opening. */
export interface Caps {
  readonly open: number
  readonly opening: number
}

/** What the harness sees of sandboxes, from the provider's side. */
export interface BoxWatch {
  /** The variables of the replicas. */
  readonly env: Readonly<Record<string, string>>
  readonly caps: Caps
  /** Every sandbox that has existed. */
  seen(): readonly SeenBox[]
  /** The most sandboxes in the provider's list at once. */
  readonly most: { readonly listed: number }
  /** How many commands were killed. */
  readonly killed: number
  /** How many sandboxes the provider lists. */
  list(): Promise<number>
  /** The verb "end" and the reaper, as one more replica has them. */
  sandboxesOf(sql: Sql, stopping: AbortSignal): Sandboxes
  /** Removes up to `count` sandboxes that were used, behind the servers' back; resolves with whether any was. */
  remove(count: number): Promise<boolean>
  /** Kills the processes of up to `count` running commands; resolves with whether any was. */
  killCommands(count: number): Promise<boolean>
  close(): Promise<void>
}

const installation = 'chaos'
const handlePattern = /^[0-9a-f]{32}$/
const description = z.object({ labels: labelsSchema })
/** How often the folder is looked at, and how often it is listed, in milliseconds. */
const lookMs = 150
const listMs = 500
/** How long the harness looks for a running command, in milliseconds. */
const commandMs = 3_000

interface Box {
  labels: SandboxLabels | undefined
  isLinked: boolean
  removedAt: number | undefined
}

/** Watches the sandboxes of the local provider in a folder of the run; a burst of rollouts has fewer places than it needs. */
export async function openBoxWatch(folder: string, burst: number): Promise<BoxWatch> {
  const open = Math.max(6, Math.ceil(burst / 4))
  const caps = { open, opening: Math.max(2, Math.ceil(open / 8)) }
  const root = join(folder, 'data/sandboxes')
  const boxes = join(root, 'boxes')
  const lists = join(folder, 'lists')
  mkdirSync(lists, { recursive: true })
  const provider = createLocalProvider({ folder: root })
  const seen = new Map<string, Box>()
  const most = { listed: 0 }
  let killed = 0

  const keepList = (handle: string): true => {
    linkSync(join(boxes, handle, 'home/ran'), join(lists, handle))
    return true
  }
  const note = (handle: string): Box => {
    const box = seen.get(handle) ?? { labels: undefined, isLinked: false, removedAt: undefined }
    box.labels ??= attempt(
      () => description.parse(JSON.parse(readFileSync(join(boxes, handle, 'sandbox.json'), 'utf8'))).labels,
    )
    // A link keeps the list when the sandbox is removed, and shows what is written later.
    box.isLinked ||= attempt(() => keepList(handle)) ?? false
    seen.set(handle, box)
    return box
  }
  const look = () => {
    for (const name of readdirSync(boxes)) if (handlePattern.test(name)) note(name)
  }
  const list = async () => {
    const listed = (await provider.find({ installation }, AbortSignal.timeout(30_000))).length
    most.listed = Math.max(most.listed, listed)
    return listed
  }
  // This makes the folder too.
  await list()
  const watcher = watch(boxes, (_, name) => {
    if (name !== null && handlePattern.test(name)) note(name)
  })
  const looking = setInterval(look, lookMs)
  const listing = setInterval(() => list().catch(() => undefined), listMs)

  return {
    caps,
    env: {
      DATA_DIR: join(folder, 'data'),
      SANDBOX_INSTALLATION: installation,
      SANDBOX_MAX_OPEN: String(caps.open),
      SANDBOX_MAX_OPENING: String(caps.opening),
      SANDBOX_WAIT_SECONDS: '8',
    },
    most,
    get killed() {
      return killed
    },
    seen: () =>
      [...seen].flatMap(([handle, { labels, removedAt, isLinked }]) => {
        // The trial of each start has labels of its own.
        if (labels !== undefined && labels.installation !== installation) return []
        const text = isLinked ? readFileSync(join(lists, handle), 'utf8') : ''
        return [{ handle, labels, removedAt, lines: text.split('\n').filter((line) => line !== '') }]
      }),
    list,
    sandboxesOf: (sql, stopping) =>
      createSandboxes({
        ...{ sql, provider, plans: boxedEnvironment.sandboxes, installation, caps, stopping },
        log: createLog('silent'),
        times: { wait: 8, create: 30, look: 5, request: 30, lease: 2, timeToLive: 3_600 },
      }),
    async remove(count) {
      const used = [...seen].filter(([, box]) => box.isLinked && box.removedAt === undefined).map(([handle]) => handle)
      const existing = new Set(readdirSync(boxes))
      const chosen = used.filter((handle) => existing.has(handle)).slice(-count)
      for (const handle of chosen) {
        await provider.close(handle, AbortSignal.timeout(30_000))
        note(handle).removedAt = Date.now()
      }
      return chosen.length > 0
    },
    async killCommands(count) {
      const end = performance.now() + commandMs
      const first = killed
      for (; killed < first + count && performance.now() < end; await sleep(20)) {
        const [pids] = commandsIn(boxes).values()
        if (pids === undefined) continue
        killAll(pids)
        killed += 1
      }
      return killed > first
    },
    async close() {
      watcher.close()
      clearInterval(looking)
      clearInterval(listing)
      await provider.end()
    },
  }
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
