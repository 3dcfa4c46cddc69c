import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'postgres'
import type { FaultyProxy } from './faulty-proxy.ts'
import { type Cluster, maxConnections, ownName } from './postgres.ts'
import type { Replica } from './replica.ts'
import { actOnSandboxes } from './sandboxes/faults.ts'
import type { BoxWatch } from './sandboxes/watch.ts'
import { describeFault, type Fault, type FaultKind, isSandboxFault } from './schedule.ts'
import type { Trainer } from './trainer/trainer.ts'

/** The components that faults are injected into. */
export interface Victims {
  readonly cluster: Cluster
  /** Between the replicas and the database. */
  readonly proxy: FaultyProxy
  readonly replicas: readonly Replica[]
  readonly trainer: Trainer
  /** The sandboxes; undefined in a run without any. */
  readonly boxes: BoxWatch | undefined
}

/**
 * Injects the faults of a schedule at their times; resolves when the last is over and everything runs again. Faults on the
 * same replica, or on Postgres itself, run one after the other; all others overlap as scheduled.
 */
export async function inject(
  victims: Victims,
  faults: readonly Fault[],
  began: number,
  log: (line: string) => void,
): Promise<ReadonlyMap<FaultKind, number>> {
  const injected = new Map<FaultKind, number>()
  const queues = new Map<string, Promise<void>>()
  const doFault = async (fault: Fault) => {
    const hasHit = isSandboxFault(fault.kind) ? await actOnSandboxes(victims, fault) : await act(victims, fault)
    if (hasHit === false) return log(`${describeFault(fault)}: nothing was there to be hit`)
    injected.set(fault.kind, (injected.get(fault.kind) ?? 0) + 1)
  }
  for (const fault of faults) {
    await sleep(Math.max(0, began + fault.at * 1000 - performance.now()))
    log(describeFault(fault))
    const key = fault.kind.includes('replica') ? `replica ${fault.replica}` : (queueOf[fault.kind] ?? fault.kind)
    const done = (queues.get(key) ?? Promise.resolve()).then(() => doFault(fault))
    // Reported below.
    done.catch(() => undefined)
    queues.set(key, done)
  }
  await Promise.all(queues.values())
  return injected
}

/** Faults on Postgres run one at a time, because some need it to be running. */
const queueOf: Partial<Record<FaultKind, string>> = {
  'crash Postgres': 'postgres',
  'terminate all backends': 'postgres',
  'exhaust the connections': 'postgres',
}

async function act({ cluster, proxy, replicas, trainer }: Victims, { kind, lasts, replica, ms }: Fault): Promise<void> {
  const hit = replicas[replica]
  const wait = () => sleep(lasts * 1000)
  switch (kind) {
    case 'kill a replica':
      await hit?.kill()
      await wait()
      return hit?.start()
    case 'restart a replica gracefully':
      return hit?.restart()
    case 'freeze a replica past its leases':
      return hit?.freeze(lasts)
    case 'crash Postgres':
      await cluster.kill()
      await wait()
      return cluster.start()
    case 'terminate all backends':
      return terminate(cluster)
    case 'exhaust the connections':
      return exhaust(cluster, lasts)
    case 'add latency':
      proxy.delay(ms)
      await wait()
      return proxy.delay(0)
    case 'cut all connections':
      proxy.cut()
      return
    case 'stall the network':
      proxy.stall()
      await wait()
      // After a stall, connections may be lost: here half of the time they are.
      if (ms % 2 === 0) proxy.cut()
      return proxy.flow()
    case 'fill the pools':
      trainer.fillPools(60, lasts * 500)
      return wait()
    default:
      throw new Error(`"${kind}" is a fault of sandboxes`)
  }
}

async function terminate(cluster: Cluster): Promise<void> {
  await cluster.asking(terminateOthers)
}

const terminateOthers = (sql: Sql) => sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where backend_type = 'client backend' and application_name <> ${ownName}`

/** Takes all connections of Postgres, including the replicas', and holds them. */
async function exhaust(cluster: Cluster, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000
  const left = () => Math.max(0, (end - performance.now()) / 1000)
  const hold = async (sql: Sql) => {
    while (left() > 0) await sql`select pg_sleep(${left()})`.catch(() => sleep(20))
  }
  const clear = async (sql: Sql) => {
    for (; left() > 0; await sleep(100)) await terminateOthers(sql).catch(() => undefined)
  }
  const most = maxConnections + 5
  await cluster.asking((sql) => Promise.all([clear(sql), ...Array.from({ length: most }, () => hold(sql))]), most + 1)
}
