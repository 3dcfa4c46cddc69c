import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openOutside } from './effects.ts'
import { type Ends, openEnds } from './ends.ts'
import {
  ageSandboxes,
  countOpen,
  countRunning,
  countSandboxes,
  type Evidence,
  namedEffects,
  readEnded,
  readPlaces,
  readRows,
  type SandboxEvidence,
} from './evidence.ts'
import { inject } from './faults.ts'
import { openFaultyProxy } from './faulty-proxy.ts'
import type { ChaosOptions } from './options.ts'
import { startPooler } from './pooler.ts'
import { type Cluster, startCluster } from './postgres.ts'
import { createReplica, limitsOf, type Replica } from './replica.ts'
import { connectionName } from './sandboxes/seam.ts'
import { type BoxWatch, openBoxWatch } from './sandboxes/watch.ts'
import { type FaultKind, kindsOf, scheduleOf } from './schedule.ts'
import { createTables } from './tables.ts'
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

/** Without progress for so long, rollouts do not end any more: the lease of their end, and some turns of housekeeping. */
const endingSeconds = 120

/** How long the reapers of the replicas, which run every twenty seconds, may take in the end. */
const reapingSeconds = 90

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
  kinds: readonly FaultKind[] = kindsOf(options),
): Promise<ChaosRun> {
  const closing: Closing = []
  const abandoned = new Promise<never>((_, reject) => {
    stopped.addEventListener('abort', () => reject(new Error('the run was stopped')), { once: true })
  })
  try {
    return await Promise.race([abandoned, play(options, path, watcher, closing, kinds)])
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

async function play(
  options: ChaosOptions,
  path: string,
  { say, show }: Watcher,
  closing: Closing,
  kinds: readonly FaultKind[],
): Promise<ChaosRun> {
  const { minutes, seed } = options
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-chaos-'))
  chmodSync(folder, 0o711)
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  say('starting Postgres and the replicas')
  const cluster = await startCluster(folder)
  closing.push(() => cluster.close())
  await createTables(cluster, options.sandboxes)
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
  const boxes = options.sandboxes ? await openBoxWatch(folder, options.burst) : undefined
  if (boxes) closing.push(() => boxes.close())
  const replicas = Array.from({ length: options.replicas }, (_, index) => {
    const url = `${env.DATABASE_URL}?application_name=${connectionName(index)}`
    return createReplica(index, { ...env, DATABASE_URL: url, ...boxes?.env }, boxes ? 'boxed-server' : 'server')
  })
  closing.push(() => Promise.all(replicas.map((replica) => replica.close())))
  await Promise.all(replicas.map((replica) => replica.start()))
  const ends = openEnds(cluster, env.DATABASE_URL, !options.pgbouncer, boxes)
  closing.push(() => ends.close())

  const faults = scheduleOf(seed, minutes, options.replicas, kinds)
  const trainer = startTrainer(replicas, ends, options)
  closing.push(() => trainer.abandon())
  const began = performance.now()
  const watching = setInterval(() => show((performance.now() - began) / 1000, trainer.rollouts.length), 500)
  closing.push(() => clearInterval(watching))
  const injected = await inject({ cluster, proxy, replicas, trainer, boxes }, faults, began, say)
  await sleep(Math.max(0, began + minutes * 60_000 - performance.now()))

  say('the faults are over; waiting for open rollouts')
  await trainer.finish()
  const settled = performance.now() + settlingSeconds * 1000
  while ((await countRunning(cluster)) > 0 && performance.now() < settled) await sleep(200)
  await Promise.all(replicas.map((replica) => replica.stop()))
  const rows = await readRows(cluster)

  say('ending the rollouts')
  const late = [...trainer.runs].flatMap(([run, isDeleted]) => (isDeleted ? [] : [run]))
  await endAll(cluster, replicas, ends, late)
  const ended = await readEnded(cluster)
  const sandboxes = boxes && (await reapAll(cluster, replicas, boxes))
  const deleted = { early: new Set([...trainer.runs.keys()].filter((run) => !late.includes(run))), late: new Set(late) }
  const lives = replicas.flatMap((replica) => replica.lives)
  const said = replicas.map((replica) => replica.said)
  const effects = namedEffects(outside.effects, ended)
  return { seen: trainer.rollouts, rows, ended, deleted, effects, lives, sandboxes, injected, said }
}

/**
 * Deletes runs, and lets the time pass after which every other rollout is due. One replica is killed while they end; resolves
 * when all have ended, or no more do.
 */
async function endAll(cluster: Cluster, replicas: readonly Replica[], ends: Ends, runs: readonly string[]) {
  await Promise.all(replicas.map((replica) => replica.start()))
  const deleting = Promise.all(runs.map((run) => ends.deleteRun(run)))
  await ends.age()
  let open = await countOpen(cluster)
  const first = open
  let victim = replicas[0]
  for (let progressed = performance.now(); open > 0 && performance.now() < progressed + endingSeconds * 1000; ) {
    await sleep(100)
    const left = await countOpen(cluster)
    if (left < open) progressed = performance.now()
    open = left
    if (open < first && victim !== undefined) {
      await victim.kill()
      await victim.start()
      victim = undefined
    }
  }
  await deleting
  await Promise.all(replicas.map((replica) => replica.stop()))
}

/** Lets the replicas' reapers close what is left of sandboxes, and reads what was seen of all. */
async function reapAll(cluster: Cluster, replicas: readonly Replica[], boxes: BoxWatch): Promise<SandboxEvidence> {
  const left = async () => ({ listed: await boxes.list(), recorded: await countSandboxes(cluster) })
  let found = await left()
  const [replica] = replicas
  for (const end = performance.now() + reapingSeconds * 1000; found.listed + found.recorded > 0; found = await left()) {
    if (performance.now() > end) break
    // A replica begins with a turn of the reaper.
    if (replica?.current() === undefined) await replica?.start()
    // It may deadlock with a replica, and is repeated.
    await ageSandboxes(cluster).catch(() => undefined)
    await sleep(500)
  }
  await replica?.stop()
  const most = { ...boxes.most, ...(await readPlaces(cluster)) }
  return { caps: boxes.caps, boxes: boxes.seen(), most, left: found, killedCommands: boxes.killed }
}
