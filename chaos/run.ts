import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openOutside } from './effects.ts'
import { countRunning, createEffectTable, type Evidence, readRows } from './evidence.ts'
import { inject } from './faults.ts'
import { openFaultyProxy } from './faulty-proxy.ts'
import type { ChaosOptions } from './options.ts'
import { startPooler } from './pooler.ts'
import { startCluster } from './postgres.ts'
import { createReplica, limitsOf } from './replica.ts'
import { type FaultKind, scheduleOf } from './schedule.ts'
import { startTrainer } from './trainer/trainer.ts'

/** The result of a run. */
export interface ChaosRun extends Evidence {
  readonly injected: ReadonlyMap<FaultKind, number>
  /** The last lines of each replica's output. */
  readonly said: readonly (readonly string[])[]
}

/** Receives the progress of a run. */
export interface Watcher {
  /** A line: a fault, or a step. */
  readonly say: (line: string) => void
  /** Called twice a second with the seconds and rollouts so far. */
  readonly show: (seconds: number, rollouts: number) => void
}

/** After the last fault, dead processes may hold claims for three leases, and housekeeping runs once per lease. */
const settlingSeconds = Number(limitsOf.LEASE_SECONDS) * 5

/** The resources to close at the end, last first. */
type Closing = (() => Promise<unknown> | unknown)[]

/**
 * Runs the harness from an empty database to the last answer. `path` is the PATH to find PgBouncer on. Rejects as soon as
 * `stopped` aborts. Always cleans up its processes and files.
 */
export async function runChaos(
  options: ChaosOptions,
  path: string,
  watcher: Watcher,
  stopped: AbortSignal = new AbortController().signal,
): Promise<ChaosRun> {
  const closing: Closing = []
  const abandoned = new Promise<never>((_, reject) => {
    stopped.addEventListener('abort', () => reject(new Error('the run was stopped')), { once: true })
  })
  try {
    return await Promise.race([abandoned, play(options, path, watcher, closing)])
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

async function play(options: ChaosOptions, path: string, { say, show }: Watcher, closing: Closing): Promise<ChaosRun> {
  const { minutes, seed } = options
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-chaos-'))
  chmodSync(folder, 0o711)
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  say('starting Postgres and the replicas')
  const cluster = await startCluster(folder)
  closing.push(() => cluster.close())
  await createEffectTable(cluster)
  const direct = await openFaultyProxy(() => cluster.port())
  closing.push(() => direct.close())
  const pooler = options.pgbouncer ? await startPooler(folder, cluster, direct.port) : undefined
  if (pooler) closing.push(() => pooler.stop())
  const proxy = pooler ? await openFaultyProxy(() => pooler.port) : direct
  closing.push(() => proxy.close())
  const outside = await openOutside()
  closing.push(() => outside.close())
  const env = {
    ...{ PATH: path, EFFECTS_URL: outside.url, DATABASE_PREPARE: String(!options.pgbouncer) },
    DATABASE_URL: `postgres://${cluster.user}:${cluster.password}@127.0.0.1:${proxy.port}/postgres`,
  }
  const replicas = Array.from({ length: options.replicas }, (_, index) => createReplica(index, env))
  closing.push(() => Promise.all(replicas.map((replica) => replica.close())))
  await Promise.all(replicas.map((replica) => replica.start()))

  const faults = scheduleOf(seed, minutes, options.replicas)
  const trainer = startTrainer(replicas, seed, options.burst)
  closing.push(() => trainer.abandon())
  const began = performance.now()
  const watching = setInterval(() => show((performance.now() - began) / 1000, trainer.rollouts.length), 500)
  closing.push(() => clearInterval(watching))
  const injected = await inject({ cluster, proxy, replicas, trainer }, faults, began, say)
  await sleep(Math.max(0, began + minutes * 60_000 - performance.now()))

  say('the faults are over; waiting for open rollouts')
  await trainer.finish()
  const settled = performance.now() + settlingSeconds * 1000
  while ((await countRunning(cluster)) > 0 && performance.now() < settled) await sleep(200)
  await Promise.all(replicas.map((replica) => replica.stop()))
  const rows = await readRows(cluster)
  const lives = replicas.flatMap((replica) => replica.lives)
  const said = replicas.map((replica) => replica.said)
  return { seen: trainer.rollouts, rows, effects: outside.effects, lives, injected, said }
}
